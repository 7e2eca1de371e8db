/* libabpn: upscales pictures by 2, 3 or 4, with the same bytes on every GPU and on the CPU.
 *
 * Conventions, for all functions:
 * - A function that can fail returns an AbpnStatus. Where it isn't ABPN_STATUS_OK, abpn_last_error has the reason.
 * - Handles are opaque. What a function ending in _new makes, the one ending in _free frees, once. Freeing NULL does nothing.
 * - Strings are UTF-8 and end with 0.
 * - A struct begins with its own size, `struct_size`; set it, and leave what you don't know zero: zero is the default.
 * - No function unwinds or ends the process. A bug inside is ABPN_STATUS_INTERNAL.
 *
 * Made from capi/src by cbindgen: don't edit it. */

#ifndef ABPN_H
#define ABPN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this interface: it changes when a program that was compiled against an older header no longer works.
#define ABPN_ABI_VERSION 1

// How a call ended.
typedef enum AbpnStatus {
    // It did what was asked.
    ABPN_STATUS_OK = 0,
    // An argument is null, zero, misaligned, too small, contradicts another, or was never meant to be given.
    ABPN_STATUS_INVALID_ARGUMENT = 1,
    // The net is not a usable weight file, or no built-in net has that name and scale.
    ABPN_STATUS_INVALID_NET = 2,
    // The picture has no pixels, or its upscaled size can't be addressed.
    ABPN_STATUS_IMAGE_SIZE = 3,
    // The host or the GPU has not enough memory.
    ABPN_STATUS_OUT_OF_MEMORY = 4,
    // There is no adapter such as was asked for.
    ABPN_STATUS_NO_ADAPTER = 5,
    // The adapter lacks something that the net needs.
    ABPN_STATUS_ADAPTER = 6,
    // The device computes wrong bytes: it must not be used. The CPU is always there.
    ABPN_STATUS_SELF_TEST = 7,
    // The device was lost: unplugged, reset, or its driver crashed. Make another upscaler.
    ABPN_STATUS_DEVICE_LOST = 8,
    // The GPU did not finish in time.
    ABPN_STATUS_TIMEOUT = 9,
    // The progress function asked to stop.
    ABPN_STATUS_CANCELLED = 10,
    // As many frames as were asked for are in work: pop one first.
    ABPN_STATUS_FRAMES_FULL = 11,
    // The driver refused something else.
    ABPN_STATUS_GPU = 12,
    // A bug of abpn. The handle that was used must only be freed.
    ABPN_STATUS_INTERNAL = 13,
} AbpnStatus;

// What computes.
typedef enum AbpnTarget {
    // The best real GPU that passes the self-test, else the CPU; `abpn_upscaler_fallback` says why.
    ABPN_TARGET_AUTO = 0,
    // The CPU: always there, the same bytes.
    ABPN_TARGET_CPU = 1,
    // The best real GPU, or an error.
    ABPN_TARGET_GPU = 2,
    // The adapter with the index `adapter_index` of `abpn_adapters_new`, or an error.
    ABPN_TARGET_GPU_INDEX = 3,
    // The best adapter whose name or backend contains `adapter_name`, in any case, or an error.
    ABPN_TARGET_GPU_NAME = 4,
} AbpnTarget;

// The samples of a pixel. Alpha is not premultiplied; 16-bit samples are in the machine's byte order.
typedef enum AbpnFormat {
    // Red, green, blue, 8 bits each.
    ABPN_FORMAT_RGB8 = 0,
    // Red, green, blue, alpha, 8 bits each.
    ABPN_FORMAT_RGBA8 = 1,
    // Red, green, blue, 16 bits each.
    ABPN_FORMAT_RGB16 = 2,
    // Red, green, blue, alpha, 16 bits each.
    ABPN_FORMAT_RGBA16 = 3,
    // Grey, 8 bits.
    ABPN_FORMAT_GREY8 = 4,
    // Grey, alpha, 8 bits each.
    ABPN_FORMAT_GREY_ALPHA8 = 5,
    // Grey, 16 bits.
    ABPN_FORMAT_GREY16 = 6,
    // Grey, alpha, 16 bits each.
    ABPN_FORMAT_GREY_ALPHA16 = 7,
} AbpnFormat;

// The adapters of this machine, as they were when it was made.
typedef struct AbpnAdapters AbpnAdapters;

// A queue of frames of one size in work. One thread may use it at a time.
typedef struct AbpnFrames AbpnFrames;

// Upscales pictures with one net on one device. Any number of threads may use it at once, each with its own pictures.
typedef struct AbpnUpscaler AbpnUpscaler;

// How an upscaler is made. All zeros but `struct_size` is a good beginning.
typedef struct AbpnOptions {
    // sizeof(AbpnOptions)
    size_t struct_size;
    // An AbpnTarget: what computes.
    uint32_t target;
    // For ABPN_TARGET_GPU_INDEX.
    uint32_t adapter_index;
    // For ABPN_TARGET_GPU_NAME, else NULL.
    const char *adapter_name;
    // How many times to enlarge: 2, 3 or 4; 0 stands for 3. With `weights` 0, or the net's.
    uint32_t scale;
    // The side of the pieces into which pictures are cut, in input pixels; 0 leaves it to abpn. The result never depends on it.
    uint32_t tile;
    // A built-in net, as `abpn_net_name` has them; NULL stands for "clean".
    const char *net;
    // The bytes of a weight file, instead of a built-in net; else NULL. They are not needed any more after the call.
    const uint8_t *weights;
    // How many they are.
    size_t weights_len;
    // A folder in which the outcome of self-tests, the fastest kernels and compiled pipelines are kept, so that the next start
    // is faster; NULL for none. Who can write to it decides which adapters are trusted.
    const char *cache_folder;
    // The longest that a GPU may take for one tile, in milliseconds; 0 stands for 120000.
    uint64_t timeout_ms;
    // GPU memory that may be kept between pictures, in bytes; 0 stands for 512 MiB.
    uint64_t idle_bytes;
    // 1 to time the GPU's kernels if the cache doesn't know the fastest, a second or two once a machine; else 0.
    uint32_t tune;
} AbpnOptions;

// A picture to read: rows of pixels, from the top.
typedef struct AbpnImage {
    // sizeof(AbpnImage)
    size_t struct_size;
    // The first pixel; 16-bit samples aligned to 2 bytes.
    const void *samples;
    // How many bytes there are from `samples` on.
    size_t len_bytes;
    // From one row to the next, in bytes; 0 stands for rows without a gap.
    size_t stride_bytes;
    // In pixels.
    uint32_t width;
    // In pixels.
    uint32_t height;
    // An AbpnFormat.
    uint32_t format;
} AbpnImage;

// A picture to write: as AbpnImage. What lies between its rows is left alone.
typedef struct AbpnImageMut {
    // sizeof(AbpnImageMut)
    size_t struct_size;
    // The first pixel; 16-bit samples aligned to 2 bytes.
    void *samples;
    // How many bytes there are from `samples` on.
    size_t len_bytes;
    // From one row to the next, in bytes; 0 stands for rows without a gap.
    size_t stride_bytes;
    // In pixels.
    uint32_t width;
    // In pixels.
    uint32_t height;
    // An AbpnFormat.
    uint32_t format;
} AbpnImageMut;

// Hears that `done` of `total` pieces of a picture are finished, `done` counting from 1; returns whether to go on. It may be
// called on any thread, but never twice at once for one picture, and must not unwind or jump out.
typedef bool (*AbpnProgress)(void *user, size_t done, size_t total);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// ABPN_ABI_VERSION of the library that is loaded.
uint32_t abpn_abi_version(void);

// The library's version, as "1.2.3". It lives as long as the library.
const char *abpn_version(void);

// Looks for adapters, and writes a handle to `*adapters`. It takes some tenths of a second.
//
// Required:
// If `adapters` isn't NULL, a pointer can be written there.
enum AbpnStatus abpn_adapters_new(struct AbpnAdapters **adapters);

// How many there are; 0 for NULL.
//
// Required:
// `adapters` is NULL or a live handle.
size_t abpn_adapters_len(const struct AbpnAdapters *adapters);

// The name and backend of the adapter with this index, which AbpnOptions takes; NULL if there is none. It lives as long as
// `adapters`.
//
// Required:
// `adapters` is NULL or a live handle.
const char *abpn_adapters_name(const struct AbpnAdapters *adapters,
                               size_t index);

// Whether it is a driver that computes on the CPU; false if there is none with this index.
//
// Required:
// `adapters` is NULL or a live handle.
bool abpn_adapters_is_software(const struct AbpnAdapters *adapters, size_t index);

// Why it can't run nets; NULL if it can, or if there is none with this index. It lives as long as `adapters`.
//
// Required:
// `adapters` is NULL or a live handle.
const char *abpn_adapters_why_not(const struct AbpnAdapters *adapters, size_t index);

// Frees it.
//
// Required:
// `adapters` is NULL or a live handle, which no other thread uses and nobody uses again.
void abpn_adapters_free(struct AbpnAdapters *adapters);

// Why the last call on this thread that failed did so, in a sentence; "" if none has. Never NULL. It lives until the next
// call that fails on this thread.
const char *abpn_last_error(void);

// Begins a queue for frames of `width` x `height` pixels, ABPN_FORMAT_RGB8 or ABPN_FORMAT_RGB16, of which up to `depth` are in
// work at once, and writes its handle to `*frames`, NULL if that fails. All memory is taken here. Two or three keep host and
// GPU both busy.
//
// Required:
// `upscaler` is NULL or a live handle. If `frames` isn't NULL, a pointer can be written there.
enum AbpnStatus abpn_frames_new(const struct AbpnUpscaler *upscaler,
                                uint32_t width,
                                uint32_t height,
                                uint32_t frame_format,
                                size_t depth,
                                struct AbpnFrames **frames);

// Bytes of a frame, rows without a gap; 0 for NULL.
//
// Required:
// `frames` is NULL or a live handle.
size_t abpn_frames_input_bytes(const struct AbpnFrames *frames);

// Bytes of an upscaled frame, rows without a gap; 0 for NULL.
//
// Required:
// `frames` is NULL or a live handle.
size_t abpn_frames_output_bytes(const struct AbpnFrames *frames);

// Frames that were pushed and not popped; 0 for NULL.
//
// Required:
// `frames` is NULL or a live handle.
size_t abpn_frames_len(const struct AbpnFrames *frames);

// Begins a frame of `abpn_frames_input_bytes`; `samples` are not needed any more after the call. ABPN_STATUS_FRAMES_FULL if
// one must be popped first. After an error of the GPU the queue must only be freed.
//
// Required:
// `frames` is NULL or a live handle that nobody else uses during the call; at `samples`, if it isn't NULL, `len_bytes` can be
// read.
enum AbpnStatus abpn_frames_push(struct AbpnFrames *frames,
                                 const void *samples,
                                 size_t len_bytes);

// Waits for the oldest frame and writes it to `large`, of `abpn_frames_output_bytes`. Writes to `*has_frame` whether there
// was one.
//
// Required:
// `frames` is NULL or a live handle that nobody else uses during the call; at `large`, if it isn't NULL, `len_bytes` can be
// written, and at `has_frame` a bool.
enum AbpnStatus abpn_frames_pop(struct AbpnFrames *frames,
                                void *large,
                                size_t len_bytes,
                                bool *has_frame);

// Frees it; what is in work is lost.
//
// Required:
// `frames` is NULL or a live handle, which no other thread uses and nobody uses again.
void abpn_frames_free(struct AbpnFrames *frames);

// How many nets are built in.
size_t abpn_net_count(void);

// The name of a built-in net, as "clean", "light" or "strong"; a scale has one of each. NULL if `index` is too large. It
// lives as long as the library.
const char *abpn_net_name(size_t index);

// How many times a built-in net enlarges; 0 if `index` is too large.
uint32_t abpn_net_scale(size_t index);

// Makes an upscaler, and writes its handle to `*upscaler`, NULL if that fails. The device passes a self-test first, unless
// the cache remembers that it did. `options` may be NULL: all defaults.
//
// Required:
// `options` is NULL or points to a struct of its `struct_size`, whose pointers are NULL or point to what they should. If
// `upscaler` isn't NULL, a pointer can be written there.
enum AbpnStatus abpn_upscaler_new(const struct AbpnOptions *options,
                                  struct AbpnUpscaler **upscaler);

// How many times it enlarges; 0 for NULL.
//
// Required:
// `upscaler` is NULL or a live handle.
uint32_t abpn_upscaler_scale(const struct AbpnUpscaler *upscaler);

// What it runs on, for people: an adapter's name and backend, or the CPU with its kernel; NULL for NULL. It lives as long as
// `upscaler`.
//
// Required:
// `upscaler` is NULL or a live handle.
const char *abpn_upscaler_device(const struct AbpnUpscaler *upscaler);

// Why ABPN_TARGET_AUTO took the CPU; NULL if it didn't. It lives as long as `upscaler`.
//
// Required:
// `upscaler` is NULL or a live handle.
const char *abpn_upscaler_fallback(const struct AbpnUpscaler *upscaler);

// Runs test pictures through every stage, and compares each with the reference: ABPN_STATUS_SELF_TEST if a byte differs.
//
// Required:
// `upscaler` is NULL or a live handle.
enum AbpnStatus abpn_upscaler_self_test(const struct AbpnUpscaler *upscaler);

// Upscales `image` into `large`, which has the same format and is `abpn_upscaler_scale` times as wide and high. They may not
// overlap. `progress` may be NULL; `user` is handed to it. If the call fails, `large` holds part of the result or nothing.
//
// Required:
// `upscaler` is NULL or a live handle; `image` and `large` are NULL or point to structs of their `struct_size`, whose
// `samples` have `len_bytes` bytes that nobody else writes to, and, in `large`, nobody else reads, during the call.
enum AbpnStatus abpn_upscale(const struct AbpnUpscaler *upscaler,
                             const struct AbpnImage *image,
                             const struct AbpnImageMut *large,
                             AbpnProgress progress,
                             void *user);

// Frees it. Frames that it began may live on.
//
// Required:
// `upscaler` is NULL or a live handle, which no other thread uses and nobody uses again.
void abpn_upscaler_free(struct AbpnUpscaler *upscaler);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ABPN_H */
