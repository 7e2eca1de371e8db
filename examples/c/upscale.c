/* Upscales a binary PPM of 8 or 16 bits.
 *
 *   cc -o upscale upscale.c $(pkg-config --cflags --libs abpn)
 *   ./upscale photo.ppm large.ppm 3          # the best GPU that passes the self-test, or the CPU
 *   ./upscale photo.ppm large.ppm 2 cpu      # or a part of an adapter's name
 */
#include <abpn.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t width, height;
    bool wide; /* 16 bits a sample */
    uint8_t *samples;
    size_t len_bytes;
} Picture;

static bool failed(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    return false;
}

/* A number of a PPM's header, after blanks and comments; 0 if there is none. */
static uint32_t number(FILE *file) {
    int c = fgetc(file);
    while (c == ' ' || (c >= '\t' && c <= '\r') || c == '#') {
        if (c == '#') {
            while (c != '\n' && c != EOF) c = fgetc(file);
        }
        c = fgetc(file);
    }
    uint64_t value = 0;
    for (; c >= '0' && c <= '9' && value < UINT32_MAX; c = fgetc(file)) value = 10 * value + (uint64_t)(c - '0');
    return value < UINT32_MAX ? (uint32_t)value : 0;
}

/* PPM's 16-bit samples have the high byte first; memory has the machine's order. */
static void swap_order(Picture *picture) {
    const uint16_t probe = 1;
    uint8_t first;
    memcpy(&first, &probe, 1);
    if (!picture->wide || first == 0) return;
    for (size_t i = 0; i + 1 < picture->len_bytes; i += 2) {
        uint8_t high = picture->samples[i];
        picture->samples[i] = picture->samples[i + 1];
        picture->samples[i + 1] = high;
    }
}

static bool allocate(Picture *picture, const char *name) {
    uint64_t bytes = (uint64_t)picture->width * picture->height;
    uint64_t pixel_bytes = picture->wide ? 6 : 3;
    if (bytes == 0 || bytes > SIZE_MAX / 16 / pixel_bytes) return failed(name, "not a size that can be");
    picture->len_bytes = (size_t)(bytes * pixel_bytes);
    picture->samples = malloc(picture->len_bytes); /* aligned for every type */
    return picture->samples != NULL || failed(name, "not enough memory");
}

static bool read_ppm(const char *name, Picture *picture) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) return failed(name, strerror(errno));
    bool ok = (fgetc(file) == 'P' && fgetc(file) == '6') || failed(name, "not a binary PPM");
    if (ok) {
        picture->width = number(file);
        picture->height = number(file);
        uint32_t most = number(file);
        picture->wide = most == 65535;
        ok = most == 255 || most == 65535 || failed(name, "its samples don't have 8 or 16 bits");
    }
    ok = ok && allocate(picture, name);
    if (ok && fread(picture->samples, 1, picture->len_bytes, file) != picture->len_bytes) {
        ok = failed(name, "it is cut short");
    }
    fclose(file);
    swap_order(picture);
    return ok;
}

static bool write_ppm(const char *name, Picture *picture) {
    FILE *file = fopen(name, "wb");
    if (file == NULL) return failed(name, strerror(errno));
    swap_order(picture);
    fprintf(file, "P6\n%u %u\n%d\n", picture->width, picture->height, picture->wide ? 65535 : 255);
    bool ok = fwrite(picture->samples, 1, picture->len_bytes, file) == picture->len_bytes;
    ok = fclose(file) == 0 && ok;
    return ok || failed(name, strerror(errno));
}

static bool upscale(const AbpnUpscaler *upscaler, const Picture *picture, Picture *large) {
    uint32_t scale = abpn_upscaler_scale(upscaler);
    if (picture->width > UINT32_MAX / scale || picture->height > UINT32_MAX / scale) {
        return failed("upscale", "the result is too large");
    }
    large->width = picture->width * scale;
    large->height = picture->height * scale;
    large->wide = picture->wide;
    if (!allocate(large, "the result")) return false;
    const uint32_t format = picture->wide ? ABPN_FORMAT_RGB16 : ABPN_FORMAT_RGB8;
    const AbpnImage image = {
        .struct_size = sizeof image,
        .samples = picture->samples,
        .len_bytes = picture->len_bytes,
        .width = picture->width,
        .height = picture->height,
        .format = format,
    };
    const AbpnImageMut result = {
        .struct_size = sizeof result,
        .samples = large->samples,
        .len_bytes = large->len_bytes,
        .width = large->width,
        .height = large->height,
        .format = format,
    };
    AbpnStatus status = abpn_upscale(upscaler, &image, &result, NULL, NULL);
    return status == ABPN_STATUS_OK || failed("upscale", abpn_last_error());
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: upscale IN.ppm OUT.ppm 2|3|4 [cpu|ADAPTER]\n");
        return 2;
    }
    AbpnOptions options = {.struct_size = sizeof options, .scale = (uint32_t)strtoul(argv[3], NULL, 10)};
    if (argc == 5 && strcmp(argv[4], "cpu") == 0) {
        options.target = ABPN_TARGET_CPU;
    } else if (argc == 5) {
        options.target = ABPN_TARGET_GPU_NAME;
        options.adapter_name = argv[4];
    }
    Picture picture = {0}, large = {0};
    AbpnUpscaler *upscaler = NULL;
    bool ok = read_ppm(argv[1], &picture);
    ok = ok && (abpn_upscaler_new(&options, &upscaler) == ABPN_STATUS_OK || failed("upscaler", abpn_last_error()));
    ok = ok && upscale(upscaler, &picture, &large) && write_ppm(argv[2], &large);
    if (ok) {
        const char *why = abpn_upscaler_fallback(upscaler);
        fprintf(stderr, "%s: %ux%u on %s\n", argv[2], large.width, large.height, abpn_upscaler_device(upscaler));
        if (why != NULL) fprintf(stderr, "not on a GPU, since %s\n", why);
    }
    abpn_upscaler_free(upscaler);
    free(large.samples);
    free(picture.samples);
    return ok ? 0 : 1;
}
