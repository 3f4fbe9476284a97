/*
 * The load client: C WebSocket connections in one thread that never sleeps (a sleeping client makes the server pay
 * its wake-ups). It counts whole frames and the updates in them, answers pings, and of sampled connections takes the
 * time from the stamp that the publisher put into a frame to the moment that it was read.
 *
 *   load <clients file>
 *
 * The clients file (little endian): u32 connections; then for each: u16 port, u16 flags, u32 bytes per second that it
 * reads once it is told to be slow (0: all), u32 images that it waits for, u32 length and that many bytes: the upgrade
 * request and, right behind it, the frames to send when that is answered.
 * Flags: 1 = takes latencies, 2 = the server speaks the protocol of the service, 4 = holds its frames until `begin`.
 *
 * Prints "subscribed" when every upgrade is answered. Then each line on standard input is answered with one line:
 *   count   counters since the start, latencies since the last count
 *   slow    connections with a rate read at that rate from now on
 *   begin   held frames are sent; answered when every connection has the images that it waits for
 *
 * What counts as updates: a binary frame of the service begins with an array16, and that many records are in it; one
 * of its control records comes in an array of one; its text frames have a `"type"` per record. Any other frame is one
 * update.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stamps.h"

#define CHUNK (256 * 1024)
/* Small, so that a slow reader is felt by the server and not hidden by the kernel's buffer at this end. */
#define SLOW_RECEIVE_BUFFER 4096
#define SLOW_STEP_US 20000

enum { TAKES_LATENCIES = 1, SPEAKS_SERVICE = 2, HOLDS = 4 };

struct connection {
  int fd;
  int upgraded;
  unsigned port;
  unsigned flags;
  uint32_t bytes_per_second;
  uint32_t images_wanted;
  uint32_t images;
  /* What of an unfinished frame has come. */
  uint8_t *rest;
  size_t rest_length;
  size_t rest_capacity;
  uint8_t *request;
  size_t request_length;
  /* What is sent once the upgrade is answered. */
  uint8_t *first;
  size_t first_length;
  /* Newest time per sid; only where latencies are taken or images counted. */
  int64_t *times;
};

static uint64_t updates, frames, bytes, controls, reconnects;
static int complete, slow_now, begun;
static uint8_t chunk[CHUNK];
static struct connection *all;
static int connections, poller;

static void fail(const char *what) {
  printf("failed %s: %s\n", what, strerror(errno));
  fflush(stdout);
  exit(1);
}

static void keep(struct connection *c, const uint8_t *data, size_t length) {
  if (length > c->rest_capacity) {
    c->rest_capacity = length * 2 < 4096 ? 4096 : length * 2;
    c->rest = realloc(c->rest, c->rest_capacity);
    if (c->rest == NULL) fail("memory");
  }
  memmove(c->rest, data, length);
  c->rest_length = length;
}

static void send_all(int fd, const uint8_t *data, size_t length) {
  while (length > 0) {
    ssize_t sent = write(fd, data, length);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) fail("send");
    data += sent;
    length -= (size_t)sent;
  }
}

static void pong(struct connection *c, const uint8_t *payload, size_t size) {
  uint8_t out[131] = {0x8a, (uint8_t)(0x80 | size), 0, 0, 0, 0};
  if (size > 125) return;
  memcpy(out + 6, payload, size);
  if (write(c->fd, out, 6 + size) < 0 && errno != EAGAIN) fail("pong");
}

static void count_images(struct connection *c, uint32_t images) {
  int had = c->images >= c->images_wanted;
  c->images += images;
  if (!had && c->images >= c->images_wanted) complete++;
}

static void data_frame(struct connection *c, int opcode, const uint8_t *data, size_t size) {
  frames++;
  bytes += size;
  int sampled = (c->flags & TAKES_LATENCIES) != 0;
  int64_t stamp = 0;
  if (opcode == 2 && size > 3 && data[0] == 0xdc && (c->flags & SPEAKS_SERVICE)) {
    updates += (uint64_t)data[1] << 8 | data[2];
    if (c->times != NULL) {
      uint32_t images = 0;
      stamp = service_stamp(data, size, c->times, &images);
      if (stamp < 0) fail("a frame that cannot be read");
      count_images(c, images);
    }
  } else if (opcode == 2 && size > 1 && data[0] == 0x91 && (c->flags & SPEAKS_SERVICE)) {
    controls++;
  } else if (opcode == 1 && (c->flags & SPEAKS_SERVICE)) {
    uint32_t records = text_records(data, size);
    if (records == 0) controls++;
    updates += records;
    if (sampled && records > 0) stamp = text_stamp(data, size);
  } else {
    updates++;
    if (sampled) stamp = opcode == 1 ? text_stamp(data, size) : binary_stamp(data, size);
  }
  if (sampled && stamp > 0) take_latency(stamp);
}

static void reconnect(struct connection *c);

/* Consumes whole frames; returns how many bytes of them there were, or -1 when the connection was made anew. */
static ssize_t consume(struct connection *c, const uint8_t *data, size_t length) {
  size_t at = 0;
  while (length - at >= 2) {
    size_t size = data[at + 1] & 0x7f, start = at + 2;
    if (size == 126) {
      if (length - at < 4) break;
      size = (size_t)data[at + 2] << 8 | data[at + 3];
      start = at + 4;
    } else if (size == 127) {
      if (length - at < 10) break;
      size = 0;
      for (int i = 0; i < 8; i++) size = size << 8 | data[at + 2 + i];
      start = at + 10;
    }
    if (start + size > length) break;
    int opcode = data[at] & 0x0f;
    if (opcode == 9) pong(c, data + start, size);
    else if (opcode == 0 || opcode == 1 || opcode == 2) data_frame(c, opcode, data + start, size);
    else if (opcode == 8) {
      /* A slow reader that is sent away comes again, as a real one would. */
      if (c->bytes_per_second > 0) {
        reconnect(c);
        return -1;
      }
      printf("failed closed by the server with %d\n", size >= 2 ? data[start] << 8 | data[start + 1] : 0);
      fflush(stdout);
      exit(1);
    }
    at = start + size;
  }
  return (ssize_t)at;
}

static void receive(struct connection *c, const uint8_t *data, size_t length) {
  if (!c->upgraded) {
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (end == NULL) return keep(c, data, length);
    if (length < 12 || memcmp(data + 9, "101", 3) != 0) {
      printf("failed upgrade: %.60s\n", data);
      fflush(stdout);
      exit(1);
    }
    c->upgraded = 1;
    if (!(c->flags & HOLDS) || begun) send_all(c->fd, c->first, c->first_length);
    length -= (size_t)(end + 4 - data);
    data = end + 4;
  }
  ssize_t used = consume(c, data, length);
  if (used < 0) return;
  if ((size_t)used < length) keep(c, data + used, length - (size_t)used);
  else c->rest_length = 0;
}

static void readable(struct connection *c, size_t most) {
  /* An unfinished frame goes before what comes now. */
  size_t before = c->rest_length;
  if (before > CHUNK / 2) fail("frame too long");
  memcpy(chunk, c->rest, before);
  if (most > CHUNK - before) most = CHUNK - before;
  ssize_t got = read(c->fd, chunk + before, most);
  if (got == 0) {
    if (c->bytes_per_second > 0) return reconnect(c);
    printf("failed connection ended\n");
    fflush(stdout);
    exit(1);
  }
  if (got < 0) {
    if (errno == EAGAIN) return;
    if (errno == ECONNRESET && c->bytes_per_second > 0) return reconnect(c);
    fail("read");
  }
  c->rest_length = 0;
  receive(c, chunk, before + (size_t)got);
}

static void open_connection(struct connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, small = SLOW_RECEIVE_BUFFER;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd >= 0 && c->bytes_per_second > 0) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  send_all(c->fd, c->request, c->request_length);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->upgraded = 0;
  c->rest_length = 0;
  if (slow_now && c->bytes_per_second > 0) return;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void reconnect(struct connection *c) {
  close(c->fd);
  reconnects++;
  open_connection(c);
}

static void read_number(FILE *file, void *to, size_t size) {
  if (fread(to, size, 1, file) != 1) fail("clients file is too short");
}

static void load_connection(struct connection *c, FILE *file) {
  uint16_t port, flags;
  uint32_t length;
  read_number(file, &port, 2);
  read_number(file, &flags, 2);
  read_number(file, &c->bytes_per_second, 4);
  read_number(file, &c->images_wanted, 4);
  read_number(file, &length, 4);
  uint8_t *data = malloc(length);
  if (data == NULL || fread(data, 1, length, file) != length) fail("clients file is too short");
  const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
  if (end == NULL) fail("an upgrade request");
  c->port = port;
  c->flags = flags;
  c->request = data;
  c->request_length = (size_t)(end + 4 - data);
  c->first = data + c->request_length;
  c->first_length = length - c->request_length;
  c->rest = malloc(4096);
  c->rest_capacity = 4096;
  if ((flags & SPEAKS_SERVICE) && ((flags & TAKES_LATENCIES) || c->images_wanted > 0))
    c->times = calloc(SIDS_MAX, sizeof *c->times);
}

static void poll_once(int wait_ms) {
  static struct epoll_event found[512];
  int ready = epoll_wait(poller, found, 512, wait_ms);
  for (int k = 0; k < ready; k++) readable(found[k].data.ptr, CHUNK);
}

static void become_slow(void) {
  slow_now = 1;
  for (int i = 0; i < connections; i++)
    if (all[i].bytes_per_second > 0) epoll_ctl(poller, EPOLL_CTL_DEL, all[i].fd, NULL);
}

/* Each slow connection reads its share of one step; they are visited spread over the step. */
static void read_slowly(void) {
  static int64_t last_us;
  static int next;
  int64_t now = now_us();
  if (last_us == 0) last_us = now;
  int64_t visits = (now - last_us) * connections / SLOW_STEP_US;
  if (visits <= 0) return;
  last_us = now;
  if (visits > connections) visits = connections;
  while (visits-- > 0) {
    struct connection *c = &all[next];
    next = (next + 1) % connections;
    if (c->bytes_per_second > 0) readable(c, (size_t)c->bytes_per_second * SLOW_STEP_US / 1000000 + 1);
  }
}

static void begin(void) {
  int64_t start = now_us();
  begun = 1;
  complete = 0;
  for (int i = 0; i < connections; i++) {
    if (all[i].images_wanted == 0) complete++;
    if (all[i].flags & HOLDS) send_all(all[i].fd, all[i].first, all[i].first_length);
    if (i % 16 == 0) poll_once(0);
  }
  int64_t sent = now_us();
  while (complete < connections && now_us() - start < 60000000) poll_once(0);
  printf("{\"complete\":%d,\"askedMs\":%.1f,\"allImagesMs\":%.1f}\n", complete, (double)(sent - start) / 1000,
         (double)(now_us() - start) / 1000);
  fflush(stdout);
}

static void tell_counters(void) {
  printf("{\"updates\":%llu,\"frames\":%llu,\"bytes\":%llu,\"controls\":%llu,\"reconnects\":%llu,\"latency\":",
         (unsigned long long)updates, (unsigned long long)frames, (unsigned long long)bytes,
         (unsigned long long)controls, (unsigned long long)reconnects);
  tell_latencies();
  printf("}\n");
  fflush(stdout);
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) fail("clients file");
  uint32_t number;
  read_number(file, &number, 4);
  connections = (int)number;
  all = calloc((size_t)connections, sizeof *all);
  poller = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    load_connection(&all[i], file);
    open_connection(&all[i]);
    /* What the server says meanwhile is read at once, so that it never waits for us. */
    poll_once(0);
  }
  for (int upgraded = 0; upgraded < connections;) {
    poll_once(100);
    upgraded = 0;
    for (int i = 0; i < connections; i++) upgraded += all[i].upgraded;
  }
  printf("subscribed\n");
  fflush(stdout);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  for (unsigned turn = 0;; turn++) {
    poll_once(0);
    if (slow_now) read_slowly();
    if (turn % 256 != 0 || poll(&input, 1, 0) <= 0) continue;
    char line[64];
    ssize_t got = read(0, line, sizeof line);
    if (got <= 0) return 0;
    if (line[0] == 's') become_slow();
    if (line[0] == 'b') begin();
    else tell_counters();
  }
}
