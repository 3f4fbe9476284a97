/*
 * Holds WebSocket connections that are idle most of the time, answers pings, and says how long things take.
 *
 *   hold <port> <clients file> <first connections>
 *
 * The clients file is that of the load client: per connection a u32 length (little endian) and that many bytes, the
 * upgrade request and behind it the first command. The first connections are opened at once, then "ready" is printed.
 * Each line on standard input is answered by one of JSON:
 *   open       opens the others, as fast as the server takes them
 *   subscribe  sends each connection's command: some one by one, the others several at a time; a time ends with the
 *              first data frame that comes back
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OPENING_MAX 64
#define SUBSCRIBING_MAX 16
#define ONE_BY_ONE 500
/* One address of loopback has 28,000 ports by default. */
#define CONNECTIONS_PER_ADDRESS 8000
#define CHUNK (256 * 1024)

struct connection {
  int fd, upgraded;
  /* Data bytes of its frame that are still to come, and a header that is not whole yet. */
  uint64_t left;
  uint8_t header[14 + 125], header_length, opcode;
  uint64_t data_frames;
  double sent_at;
  const uint8_t *bytes;
  size_t request, length;
};

static struct connection *all;
static int connections, opened, upgraded, port, poller;
static uint8_t chunk[CHUNK];

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *what) {
  printf("failed %s: %s\n", what, strerror(errno));
  fflush(stdout);
  exit(1);
}

static void write_all(int fd, const uint8_t *data, size_t length) {
  while (length > 0) {
    ssize_t sent = write(fd, data, length);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) fail("send");
    data += sent;
    length -= (size_t)sent;
  }
}

static void open_one(int i) {
  struct connection *c = &all[i];
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(i / CONNECTIONS_PER_ADDRESS));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) fail("socket");
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0) fail("bind");
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  write_all(c->fd, c->bytes, c->request);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0) fail("epoll");
  opened++;
}

static void pong(struct connection *c, const uint8_t *payload, size_t size) {
  uint8_t out[6 + 125] = {0x8a, (uint8_t)(0x80 | size), 0, 0, 0, 0};
  memcpy(out + 6, payload, size);
  write_all(c->fd, out, 6 + size);
}

/* Bytes of the header in front of the payload, 0 while that is not known. */
static size_t header_size(const struct connection *c) {
  if (c->header_length < 2) return 0;
  size_t size = c->header[1] & 0x7f;
  return size == 127 ? 10 : size == 126 ? 4 : 2;
}

static uint64_t payload_size(const struct connection *c, size_t header) {
  if (header == 2) return c->header[1] & 0x7f;
  uint64_t size = 0;
  for (size_t i = 2; i < header; i++) size = size << 8 | c->header[i];
  return size;
}

static void frames(struct connection *c, const uint8_t *data, size_t length) {
  while (length > 0) {
    if (c->left > 0) {
      size_t part = length < c->left ? length : (size_t)c->left;
      c->left -= part;
      data += part;
      length -= part;
      if (c->left == 0) c->data_frames++;
      continue;
    }
    c->header[c->header_length++] = *data++;
    length--;
    size_t header = header_size(c);
    if (header == 0 || c->header_length < header) continue;
    uint64_t size = payload_size(c, header);
    int opcode = c->header[0] & 0x0f;
    if (opcode >= 8) {
      if (c->header_length < header + size) continue;
      if (opcode == 8) {
        errno = 0;
        fail("closed by the server");
      }
      if (opcode == 9) pong(c, c->header + header, (size_t)size);
    } else {
      c->left = size;
      if (size == 0) c->data_frames++;
    }
    c->header_length = 0;
  }
}

static void readable(struct connection *c) {
  ssize_t got = read(c->fd, chunk, CHUNK);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("a connection ended");
  const uint8_t *data = chunk;
  if (!c->upgraded) {
    const uint8_t *end = memmem(chunk, (size_t)got, "\r\n\r\n", 4);
    if (end == NULL || memcmp(chunk + 9, "101", 3) != 0) fail("upgrade");
    c->upgraded = 1;
    upgraded++;
    got -= end + 4 - data;
    data = end + 4;
  }
  frames(c, data, (size_t)got);
}

/* @returns whether a line was read into `line` */
static int turn(int wait_ms, char *line, size_t capacity) {
  struct epoll_event found[512];
  int has_line = 0, ready = epoll_wait(poller, found, 512, wait_ms);
  for (int k = 0; k < ready; k++) {
    if (found[k].data.ptr != NULL) {
      readable(found[k].data.ptr);
      continue;
    }
    ssize_t got = read(0, line, capacity - 1);
    if (got <= 0) exit(0);
    line[got] = 0;
    has_line = 1;
  }
  return has_line;
}

static void open_until(int target) {
  char line[64];
  while (upgraded < target) {
    while (opened < target && opened - upgraded < OPENING_MAX) open_one(opened);
    turn(opened < target ? 0 : 10, line, sizeof line);
  }
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

/* Sends the commands of connections from..to-1, `at_once` at a time; fills in how long each took. */
static double subscribe(int from, int to, int at_once, double *took) {
  char line[64];
  int *pending = malloc(sizeof *pending * (size_t)at_once), count = 0, next = from;
  uint64_t *before = malloc(sizeof *before * (size_t)connections);
  double started = now_us();
  while (next < to || count > 0) {
    while (next < to && count < at_once) {
      struct connection *c = &all[next];
      before[next] = c->data_frames;
      c->sent_at = now_us();
      write_all(c->fd, c->bytes + c->request, c->length - c->request);
      pending[count++] = next++;
    }
    turn(1, line, sizeof line);
    double now = now_us();
    for (int k = 0; k < count;) {
      int i = pending[k];
      if (all[i].data_frames == before[i]) {
        k++;
        continue;
      }
      took[i] = now - all[i].sent_at;
      pending[k] = pending[--count];
    }
  }
  free(pending);
  free(before);
  return now_us() - started;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  port = atoi(arguments[1]);
  FILE *file = fopen(arguments[2], "rb");
  if (file == NULL) fail("clients file");
  int capacity = 0;
  uint32_t length;
  while (fread(&length, 4, 1, file) == 1) {
    if (connections == capacity) {
      capacity = capacity == 0 ? 1024 : capacity * 2;
      all = realloc(all, sizeof *all * (size_t)capacity);
    }
    uint8_t *bytes = malloc(length);
    if (fread(bytes, 1, length, file) != length) fail("clients file is too short");
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (end == NULL) fail("an upgrade request");
    all[connections++] = (struct connection){.bytes = bytes, .length = length, .request = (size_t)(end + 4 - bytes)};
  }
  poller = epoll_create1(0);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  open_until(atoi(arguments[3]));
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    char line[64];
    if (!turn(1000, line, sizeof line)) continue;
    if (strcmp(line, "open\n") == 0) {
      int already = opened;
      double started = now_us();
      open_until(connections);
      printf("{\"opened\":%d,\"seconds\":%.4f}\n", connections - already, (now_us() - started) / 1e6);
    } else if (strcmp(line, "subscribe\n") == 0) {
      double *took = calloc((size_t)connections, sizeof *took);
      int alone = connections < ONE_BY_ONE ? connections : ONE_BY_ONE;
      subscribe(0, alone, 1, took);
      double all_us = subscribe(alone, connections, SUBSCRIBING_MAX, took);
      qsort(took, (size_t)alone, sizeof *took, ascending);
      double p50 = took[alone / 2], p99 = took[alone * 99 / 100];
      printf("{\"p50Us\":%.0f,\"p99Us\":%.0f,\"perSecond\":%.0f}\n", p50, p99,
             connections > alone ? (connections - alone) / (all_us / 1e6) : 0);
      free(took);
    }
    fflush(stdout);
  }
}
