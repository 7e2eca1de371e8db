/* What a program must not do, and what it is told; and that handles come and go without a trace. */
#include <abpn.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define EXPECT(call, expected)                                                                                         \
    do {                                                                                                               \
        int status = (int)(call);                                                                                      \
        if (status != (int)(expected)) {                                                                               \
            printf("line %d: %s is %d, not %s (%s)\n", __LINE__, #call, status, #expected, abpn_last_error());         \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

#define SIDE 7u
#define SCALE 2u

static uint8_t small[SIDE * SIDE * 3 + 1], large[SIDE * SIDE * 3 * SCALE * SCALE + 1];

static AbpnImage image(void) {
    AbpnImage image = {sizeof image, small, sizeof small - 1, 0, SIDE, SIDE, ABPN_FORMAT_RGB8};
    return image;
}

static AbpnImageMut result(void) {
    AbpnImageMut image = {sizeof image, large, sizeof large - 1, 0, SIDE * SCALE, SIDE * SCALE, ABPN_FORMAT_RGB8};
    return image;
}

static bool stop(void *user, size_t done, size_t total) {
    ++*(size_t *)user;
    return done > total;
}

static void null_arguments(const AbpnUpscaler *upscaler) {
    AbpnImage in = image();
    AbpnImageMut out = result();
    EXPECT(abpn_upscaler_new(NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_upscale(NULL, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_upscale(upscaler, NULL, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_upscale(upscaler, &in, NULL, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in.samples = NULL;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(strstr(abpn_last_error(), "image.samples") != NULL, 1);
    EXPECT(abpn_upscaler_self_test(NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_upscaler_scale(NULL), 0);
    EXPECT(abpn_upscaler_device(NULL) == NULL, 1);
    EXPECT(abpn_upscaler_fallback(NULL) == NULL, 1);
    EXPECT(abpn_adapters_new(NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_adapters_len(NULL), 0);
    EXPECT(abpn_adapters_name(NULL, 0) == NULL, 1);
    EXPECT(abpn_frames_new(upscaler, 1, 1, ABPN_FORMAT_RGB8, 1, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_push(NULL, small, sizeof small), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_pop(NULL, large, sizeof large, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_len(NULL) + abpn_frames_input_bytes(NULL) + abpn_frames_output_bytes(NULL), 0);
    abpn_upscaler_free(NULL);
    abpn_adapters_free(NULL);
    abpn_frames_free(NULL);
}

static void images(const AbpnUpscaler *upscaler) {
    size_t calls = 0;
    AbpnImage in = image();
    AbpnImageMut out = result();
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_OK);
    EXPECT(abpn_upscale(upscaler, &in, &out, stop, &calls), ABPN_STATUS_CANCELLED);
    EXPECT(calls, 1);

    in = image();
    in.width = 0;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_IMAGE_SIZE);
    in = image();
    in.width = in.height = UINT32_MAX;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.len_bytes--;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.len_bytes = SIZE_MAX;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.stride_bytes = SIDE * 3 - 1;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.stride_bytes = SIZE_MAX;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.format = 99;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.format = ABPN_FORMAT_GREY16;
    in.samples = small + 1;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.struct_size = 0;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    in = image();
    in.samples = large;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(strstr(abpn_last_error(), "overlap") != NULL, 1);
    in = image();
    out.width--;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    out = result();
    out.format = ABPN_FORMAT_GREY8;
    EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_INVALID_ARGUMENT);
}

static void options(void) {
    AbpnUpscaler *upscaler = (AbpnUpscaler *)small;
    AbpnOptions options = {.struct_size = sizeof options, .target = ABPN_TARGET_CPU, .scale = 5};
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_NET);
    EXPECT(upscaler == NULL, 1);
    options.scale = 2;
    options.net = "auto";
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_NET);
    options.net = "\xff";
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
    options.net = NULL;
    options.weights = small;
    options.weights_len = sizeof small;
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_NET);
    options.net = "clean";
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
    options.weights = NULL;
    options.target = 77;
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
    options.target = ABPN_TARGET_GPU_NAME;
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
    options.adapter_name = "no such adapter";
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_NO_ADAPTER);
    options.target = ABPN_TARGET_CPU;
    options.adapter_name = NULL;
    options.tune = 2;
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
    options.tune = 0;
    options.struct_size = 12;
    EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);

    /* A program with a newer header: what it leaves zero is no matter, what it asks for is. */
    struct {
        AbpnOptions known;
        uint64_t newer;
    } later = {.known = options};
    later.known.struct_size = sizeof later;
    EXPECT(abpn_upscaler_new(&later.known, &upscaler), ABPN_STATUS_OK);
    abpn_upscaler_free(upscaler);
    later.newer = 1;
    EXPECT(abpn_upscaler_new(&later.known, &upscaler), ABPN_STATUS_INVALID_ARGUMENT);
}

static void frames(AbpnUpscaler *upscaler) {
    AbpnFrames *frames = NULL;
    bool has_frame = true;
    EXPECT(abpn_frames_new(upscaler, 0, SIDE, ABPN_FORMAT_RGB8, 2, &frames), ABPN_STATUS_IMAGE_SIZE);
    EXPECT(abpn_frames_new(upscaler, SIDE, SIDE, ABPN_FORMAT_RGBA8, 2, &frames), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_new(upscaler, SIDE, SIDE, ABPN_FORMAT_RGB8, 0, &frames), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_new(upscaler, SIDE, SIDE, ABPN_FORMAT_RGB8, SIZE_MAX, &frames), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_new(upscaler, SIDE, SIDE, ABPN_FORMAT_RGB8, 2, &frames), ABPN_STATUS_OK);
    abpn_upscaler_free(upscaler); /* frames live on */
    EXPECT(abpn_frames_input_bytes(frames), sizeof small - 1);
    EXPECT(abpn_frames_output_bytes(frames), sizeof large - 1);
    EXPECT(abpn_frames_push(frames, small, sizeof small), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_push(frames, small, sizeof small - 1), ABPN_STATUS_OK);
    EXPECT(abpn_frames_push(frames, small, sizeof small - 1), ABPN_STATUS_OK);
    EXPECT(abpn_frames_push(frames, small, sizeof small - 1), ABPN_STATUS_FRAMES_FULL);
    EXPECT(abpn_frames_len(frames), 2);
    EXPECT(abpn_frames_pop(frames, large, sizeof large - 1, NULL), ABPN_STATUS_INVALID_ARGUMENT);
    EXPECT(abpn_frames_pop(frames, large, sizeof large - 1, &has_frame), ABPN_STATUS_OK);
    EXPECT(has_frame, 1);
    EXPECT(abpn_frames_pop(frames, large, sizeof large - 1, &has_frame), ABPN_STATUS_OK);
    EXPECT(abpn_frames_pop(frames, large, sizeof large - 1, &has_frame), ABPN_STATUS_OK);
    EXPECT(has_frame, 0);
    abpn_frames_free(frames);
}

/* Kibibytes in memory, or 0 where the system doesn't say. */
static long resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;
    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
        fclose(file);
    }
    return pages * 4;
}

static void cycles(const char *adapter, unsigned count) {
    AbpnOptions options = {.struct_size = sizeof options, .scale = SCALE, .target = ABPN_TARGET_CPU};
    if (strcmp(adapter, "cpu") != 0) {
        options.target = ABPN_TARGET_GPU_NAME;
        options.adapter_name = adapter;
    }
    long begun = 0;
    for (unsigned i = 0; i < count; i++) {
        AbpnUpscaler *upscaler;
        AbpnImage in = image();
        AbpnImageMut out = result();
        EXPECT(abpn_upscaler_new(&options, &upscaler), ABPN_STATUS_OK);
        EXPECT(abpn_upscale(upscaler, &in, &out, NULL, NULL), ABPN_STATUS_OK);
        abpn_upscaler_free(upscaler);
        /* Pools and caches fill in the first half. */
        if (i == count / 2) begun = resident_kib();
    }
    printf("%u cycles on %s: %+ld KiB in the second half\n", count, adapter, resident_kib() - begun);
}

int main(int argc, char **argv) {
    if (argc > 2) { /* misuse ADAPTER COUNT: create, upscale, free, so many times */
        cycles(argv[1], (unsigned)strtoul(argv[2], NULL, 10));
        return failures != 0;
    }
    for (size_t i = 0; i < sizeof small; i++) small[i] = (uint8_t)(i * 37 % 251);
    AbpnUpscaler *upscaler = NULL;
    AbpnOptions on_cpu = {.struct_size = sizeof on_cpu, .target = ABPN_TARGET_CPU, .scale = SCALE};
    EXPECT(abpn_abi_version(), ABPN_ABI_VERSION);
    EXPECT(abpn_upscaler_new(&on_cpu, &upscaler), ABPN_STATUS_OK);
    EXPECT(abpn_upscaler_scale(upscaler), SCALE);
    EXPECT(strncmp(abpn_upscaler_device(upscaler), "CPU", 3), 0);
    EXPECT(abpn_net_count() > 0 && abpn_net_name(abpn_net_count()) == NULL && abpn_net_scale(abpn_net_count()) == 0, 1);
    null_arguments(upscaler);
    images(upscaler);
    options();
    frames(upscaler); /* frees it */
    return failures != 0;
}
