/*
 * Where the publisher's time stands in a frame, and the latencies taken from it. All times are µs since the Unix epoch
 * by the wall clock, which is the same one for every process of this machine.
 */
#ifndef STAMPS_H
#define STAMPS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SIDS_MAX 32768
/* Anything older is no stamp: bytes that look like one. */
#define AGE_US_MAX 120000000
#define BUCKET_US 10
#define BUCKETS 500000

static uint32_t latencies[BUCKETS];
static uint64_t latency_count;
static int64_t latency_max_us;

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void take_latency(int64_t stamp) {
  int64_t us = now_us() - stamp;
  if (us < 0) us = 0;
  int64_t bucket = us / BUCKET_US;
  latencies[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  latency_count++;
  if (us > latency_max_us) latency_max_us = us;
}

static double quantile_ms(double share) {
  uint64_t wanted = (uint64_t)((double)latency_count * share), seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += latencies[i];
    if (seen > wanted) return (double)i * BUCKET_US / 1000;
  }
  return (double)latency_max_us / 1000;
}

/* Prints what was taken since the last time, and starts anew. */
static void tell_latencies(void) {
  if (latency_count == 0) {
    printf("null");
    return;
  }
  printf("{\"frames\":%llu,\"p50Ms\":%.2f,\"p90Ms\":%.2f,\"p99Ms\":%.2f,\"maxMs\":%.2f}",
         (unsigned long long)latency_count, quantile_ms(0.5), quantile_ms(0.9), quantile_ms(0.99),
         (double)latency_max_us / 1000);
  memset(latencies, 0, sizeof latencies);
  latency_count = 0;
  latency_max_us = 0;
}

static int64_t big_endian(const uint8_t *data, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; i++) value = value << 8 | data[i];
  return (int64_t)value;
}

/* First msgpack uint64 that is a time of these minutes; 0 when there is none. */
static int64_t binary_stamp(const uint8_t *data, size_t size) {
  int64_t now = now_us();
  for (size_t i = 0; i + 9 <= size; i++) {
    if (data[i] != 0xcf) continue;
    int64_t value = big_endian(data + i + 1, 8);
    if (value <= now && now - value < AGE_US_MAX) return value;
  }
  return 0;
}

/* First run of 16 digits that is a time of these minutes. */
static int64_t text_stamp(const uint8_t *data, size_t size) {
  int64_t now = now_us();
  for (size_t i = 0; i + 16 <= size; i++) {
    int64_t value = 0;
    size_t k = 0;
    while (k < 16 && data[i + k] >= '0' && data[i + k] <= '9') value = value * 10 + (data[i + k++] - '0');
    /* A tick may carry the time of the turn that is to come. */
    if (k == 16 && value <= now + 1000000 && now - value < AGE_US_MAX) return value;
    i += k;
  }
  return 0;
}

/* Data records of a text frame of the service; 0 for a control record. */
static uint32_t text_records(const uint8_t *data, size_t size) {
  static const char START[] = "[{\"type\":\"", NEXT[] = "{\"type\":\"";
  if (size < 16 || memcmp(data, START, sizeof START - 1) != 0) return 0;
  const uint8_t *type = data + sizeof START - 1;
  if (memcmp(type, "image", 5) != 0 && memcmp(type, "update", 6) != 0 && memcmp(type, "trade", 5) != 0) return 0;
  uint32_t records = 0;
  const uint8_t *at = data, *end = data + size;
  while ((at = memmem(at, (size_t)(end - at), NEXT, sizeof NEXT - 1)) != NULL) {
    records++;
    at += sizeof NEXT - 1;
  }
  return records;
}

struct reader {
  const uint8_t *at;
  const uint8_t *end;
  int broken;
};

static int64_t take(struct reader *r, int size) {
  if (r->end - r->at < size) {
    r->broken = 1;
    return 0;
  }
  int64_t value = big_endian(r->at, size);
  r->at += size;
  return value;
}

static int64_t read_integer(struct reader *r) {
  int byte = (int)take(r, 1);
  if (byte < 0x80) return byte;
  if (byte >= 0xe0) return byte - 256;
  switch (byte) {
    case 0xc0: return 0;
    case 0xcc: return take(r, 1);
    case 0xcd: return take(r, 2);
    case 0xce: return take(r, 4);
    case 0xcf: case 0xd3: return take(r, 8);
    case 0xd0: return (int8_t)take(r, 1);
    case 0xd1: return (int16_t)take(r, 2);
    case 0xd2: return (int32_t)take(r, 4);
    default: r->broken = 1; return 0;
  }
}

static int64_t read_array(struct reader *r) {
  int byte = (int)take(r, 1);
  if ((byte & 0xf0) == 0x90) return byte & 0x0f;
  if (byte == 0xdc) return take(r, 2);
  if (byte == 0xdd) return take(r, 4);
  r->broken = 1;
  return 0;
}

/* An integer, nil or string. */
static void skip_item(struct reader *r) {
  if (r->at >= r->end) {
    r->broken = 1;
    return;
  }
  int byte = *r->at;
  int64_t length = -1;
  if ((byte & 0xe0) == 0xa0) {
    r->at++;
    length = byte & 0x1f;
  } else if (byte >= 0xd9 && byte <= 0xdb) {
    r->at++;
    length = take(r, 1 << (byte - 0xd9));
  }
  if (length < 0) {
    read_integer(r);
    return;
  }
  if (r->end - r->at < length) r->broken = 1;
  else r->at += length;
}

/*
 * Walks the data records of one frame of the service: an update carries the time since the record before it of its
 * sid, so all of them have to be walked.
 * Returns the newest time of an update or trade, 0 when there is none (images are of any age), -1 when it is broken.
 */
static int64_t service_stamp(const uint8_t *data, size_t size, int64_t *times, uint32_t *images) {
  struct reader r = {.at = data, .end = data + size};
  int64_t newest = 0, records = read_array(&r);
  for (int64_t i = 0; i < records && !r.broken; i++) {
    int64_t items = read_array(&r) - 2, type = read_integer(&r), sid = read_integer(&r), time = 0;
    if (sid < 0 || sid >= SIDS_MAX) return -1;
    if (type == 1) {
      read_integer(&r);
      read_integer(&r);
      times[sid] = read_integer(&r);
      items -= 3;
      (*images)++;
    } else if (type == 2) {
      read_integer(&r);
      read_integer(&r);
      time = times[sid] += read_integer(&r);
      items -= 3;
    } else if (type == 3) {
      read_integer(&r);
      time = read_integer(&r);
      items -= 2;
    }
    if (time > newest) newest = time;
    while (items-- > 0) skip_item(&r);
  }
  return r.broken ? -1 : newest;
}

#endif
