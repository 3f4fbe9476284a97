/*
 * The last step of a flush for many sessions in one call from JavaScript: gathers the fragments of each session into a
 * frame and hands it to the kernel. What a stream costs per write (an object for the request, a callback, a turn of the
 * queue) is more than what the kernel asks for the send itself. Node-API only, so one build serves all versions of
 * Node. Never blocks, never keeps memory, never closes a descriptor.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Int32 values per frame: descriptor, first byte, length, records (before: whether the tail goes behind it). */
#define FRAME_VALUES 4
/* Opcode and 16-bit length of the WebSocket frame, array 16 of its records. */
#define HEADER 7
#define PAYLOAD_MAX 0xffff
/* Fragments are copied this many bytes at a time; both memories have as many behind their ends. */
#define STEP 32

struct fragments {
  const uint8_t *bytes;
  size_t size;
  const int32_t *start, *length;
  /* Per symbol the pass in which its fragment was made; an older one means there is none. */
  const double *made_in;
  size_t symbols;
  double pass;
};

/* Writes one frame of the fragments of these symbols. Returns its length, 0 when there is none, -1 without room. */
static int32_t gather(const struct fragments *of, const int32_t *sids, size_t count, uint8_t *frame, size_t room,
                      int32_t *records) {
  size_t at = HEADER;
  int32_t found = 0;
  for (size_t i = 0; i < count; i++) {
    size_t sid = (uint32_t)sids[i];
    if (sid >= of->symbols || of->made_in[sid] != of->pass) continue;
    size_t start = (uint32_t)of->start[sid], length = (uint32_t)of->length[sid];
    if (start + length + STEP > of->size || at + length + STEP > room) return -1;
    /* One step, without a branch per length: what lands behind the end is overwritten by the next fragment. */
    memcpy(frame + at, of->bytes + start, STEP);
    if (length > STEP) memcpy(frame + at + STEP, of->bytes + start + STEP, length - STEP);
    at += length;
    found++;
  }
  *records = found;
  size_t payload = at - 4;
  if (found == 0) return 0;
  if (payload > PAYLOAD_MAX) return -1;
  /* A short payload has a shorter header: it begins two bytes later, which `first_byte` accounts for. */
  uint8_t *header = frame + (payload < 126 ? 2 : 0);
  header[0] = 0x82;
  if (payload < 126) {
    header[1] = (uint8_t)payload;
  } else {
    header[1] = 126;
    header[2] = (uint8_t)(payload >> 8);
    header[3] = (uint8_t)payload;
  }
  frame[4] = 0xdc;
  frame[5] = (uint8_t)(found >> 8);
  frame[6] = (uint8_t)found;
  return (int32_t)at;
}

static int32_t first_byte(int32_t length) { return length - 4 < 126 ? 2 : 0; }

static napi_value refuse(napi_env env, const char *why) {
  napi_throw_range_error(env, "send_frames", why);
  return NULL;
}

/* The memory of a typed array of this type; false when it is another. */
static bool typed(napi_env env, napi_value value, napi_typedarray_type wanted, void *data, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, (void **)data, NULL, NULL) == napi_ok && type == wanted;
}

/*
 * sendFrames(memory: Uint8Array, at: number, frames: Int32Array, lists: (Int32Array | null)[], count: number,
 *            fragments: Uint8Array, start: Int32Array, length: Int32Array, madeIn: Float64Array, pass: number,
 *            tail: Uint8Array, taken: Int32Array): void
 * A frame without a list lies in the memory already. For one with a list, the symbols that its session follows, it is
 * gathered into the memory from `at` on, and its place, length and number of records are filled in. Where asked for,
 * the tail, another whole frame, goes behind it.
 * taken[i] = bytes that the kernel took (0 when its buffer is full), or the negative errno of a failure.
 */
static napi_value send_frames(napi_env env, napi_callback_info info) {
  napi_value arguments[12];
  size_t given = 12, memory_size, frames_values, start_values, length_values, taken_values, tail_size;
  uint8_t *memory;
  const uint8_t *tail;
  int32_t *frames, *taken, at, count;
  struct fragments of;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given != 12 ||
      !typed(env, arguments[0], napi_uint8_array, &memory, &memory_size) ||
      napi_get_value_int32(env, arguments[1], &at) != napi_ok ||
      !typed(env, arguments[2], napi_int32_array, &frames, &frames_values) ||
      napi_get_value_int32(env, arguments[4], &count) != napi_ok ||
      !typed(env, arguments[5], napi_uint8_array, &of.bytes, &of.size) ||
      !typed(env, arguments[6], napi_int32_array, &of.start, &start_values) ||
      !typed(env, arguments[7], napi_int32_array, &of.length, &length_values) ||
      !typed(env, arguments[8], napi_float64_array, &of.made_in, &of.symbols) ||
      napi_get_value_double(env, arguments[9], &of.pass) != napi_ok ||
      !typed(env, arguments[10], napi_uint8_array, &tail, &tail_size) ||
      !typed(env, arguments[11], napi_int32_array, &taken, &taken_values))
    return refuse(env, "Expected other arguments");
  if (count < 0 || at < 0 || (size_t)count * FRAME_VALUES > frames_values || (size_t)count > taken_values ||
      of.symbols > start_values || of.symbols > length_values)
    return refuse(env, "Expected no more than the arrays hold");

  for (int32_t i = 0; i < count; i++) {
    int32_t *frame = frames + i * FRAME_VALUES;
    napi_value list;
    napi_valuetype type;
    const int32_t *sids;
    size_t symbols;
    if (napi_get_element(env, arguments[3], (uint32_t)i, &list) != napi_ok ||
        napi_typeof(env, list, &type) != napi_ok)
      return refuse(env, "Expected a list or null per frame");
    if (type == napi_object) {
      if (!typed(env, list, napi_int32_array, &sids, &symbols)) return refuse(env, "Expected a list of sids");
      if ((size_t)at + HEADER > memory_size) return refuse(env, "Expected room for all frames");
      bool with_tail = frame[3] != 0;
      size_t room = memory_size - (size_t)at;
      int32_t end = gather(&of, sids, symbols, memory + at, room, frame + 3);
      if (end < 0) return refuse(env, "Expected room for all frames");
      int32_t first = end == 0 ? 0 : first_byte(end);
      if (end > 0 && with_tail) {
        if ((size_t)end + tail_size > room) return refuse(env, "Expected room for all frames");
        memcpy(memory + at + end, tail, tail_size);
        end += (int32_t)tail_size;
      }
      frame[1] = at + first;
      frame[2] = end - first;
      at += end;
    }
    if (frame[1] < 0 || frame[2] < 0 || (size_t)frame[1] + (size_t)frame[2] > memory_size)
      return refuse(env, "Expected every frame to lie in the memory");
  }

  for (int32_t i = 0; i < count; i++) {
    const int32_t *frame = frames + i * FRAME_VALUES;
    ssize_t sent = 0;
    if (frame[2] > 0) {
      do sent = send(frame[0], memory + frame[1], (size_t)frame[2], MSG_DONTWAIT | MSG_NOSIGNAL);
      while (sent < 0 && errno == EINTR);
    }
    taken[i] = sent >= 0 ? (int32_t)sent : errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
  return NULL;
}

/*
 * limitUnsent(descriptor: number, bytes: number): boolean
 * From now on the kernel takes no more for this connection while so many bytes wait to be sent: by default it takes
 * megabytes, and a client that stops reading gets minutes of stale prices later. False where it cannot be set.
 */
static napi_value limit_unsent(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  size_t given = 2;
  int32_t descriptor, bytes;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given != 2 ||
      napi_get_value_int32(env, arguments[0], &descriptor) != napi_ok ||
      napi_get_value_int32(env, arguments[1], &bytes) != napi_ok)
    return refuse(env, "Expected a descriptor and a number of bytes");
#ifdef TCP_NOTSENT_LOWAT
  bool set = setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) == 0;
#else
  bool set = false;
#endif
  napi_get_boolean(env, set, &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "sendFrames", NAPI_AUTO_LENGTH, send_frames, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "sendFrames", function) != napi_ok ||
      napi_create_function(env, "limitUnsent", NAPI_AUTO_LENGTH, limit_unsent, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "limitUnsent", function) != napi_ok)
    return NULL;
  return exports;
}
