/*
 * The load client: C WebSocket connections in one thread that never sleeps (a sleeping client makes the server pay
 * its wake-ups). It counts whole frames and the records in them, and answers pings.
 *
 *   load <port> <clients file> <connections>
 *
 * The clients file holds, per connection: u32 length (little endian) and that many bytes: the upgrade request and,
 * behind it, the frames to send when it is answered. Prints "subscribed" when every upgrade is answered, then for each line on standard input one line of JSON with its counters.
 * Binary frames with an array16 in front count that many records, those with an array of one are control records of the
 * service; every other data frame counts as one update.
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

#define CHUNK (256 * 1024)

struct connection {
  int fd;
  int upgraded;
  /* What of an unfinished frame has come. */
  uint8_t *rest;
  size_t rest_length;
  size_t rest_capacity;
  /* What is sent once the upgrade is answered. */
  uint8_t *first;
  size_t first_length;
};

static uint64_t updates, frames, bytes, controls;
static uint8_t chunk[CHUNK];

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

static void pong(struct connection *c, const uint8_t *payload, size_t size) {
  uint8_t out[131] = {0x8a, (uint8_t)(0x80 | size), 0, 0, 0, 0};
  if (size > 125) return;
  memcpy(out + 6, payload, size);
  if (write(c->fd, out, 6 + size) < 0 && errno != EAGAIN) fail("pong");
}

/* Consumes whole frames; returns how many bytes of them there were. */
static size_t consume(struct connection *c, const uint8_t *data, size_t length) {
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
    else if (opcode == 1 || opcode == 2) {
      frames++;
      bytes += size;
      if (opcode == 2 && size > 3 && data[start] == 0xdc) updates += (uint64_t)data[start + 1] << 8 | data[start + 2];
      else if (opcode == 2 && size > 1 && data[start] == 0x91) controls++;
      else updates++;
    } else if (opcode == 8) {
      printf("failed closed by the server with %d\n", size >= 2 ? data[start] << 8 | data[start + 1] : 0);
      fflush(stdout);
      exit(1);
    }
    at = start + size;
  }
  return at;
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
    send_all(c->fd, c->first, c->first_length);
    length -= (size_t)(end + 4 - data);
    data = end + 4;
  }
  size_t used = consume(c, data, length);
  if (used < length) keep(c, data + used, length - used);
  else c->rest_length = 0;
}

static void readable(struct connection *c) {
  /* An unfinished frame goes before what comes now. */
  size_t before = c->rest_length;
  if (before > CHUNK / 2) fail("frame too long");
  memcpy(chunk, c->rest, before);
  ssize_t got = read(c->fd, chunk + before, CHUNK - before);
  if (got == 0) {
    printf("failed connection ended\n");
    fflush(stdout);
    exit(1);
  }
  if (got < 0) {
    if (errno == EAGAIN) return;
    fail("read");
  }
  c->rest_length = 0;
  receive(c, chunk, before + (size_t)got);
}

static int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int connections = atoi(arguments[3]);
  FILE *file = fopen(arguments[2], "rb");
  if (file == NULL) fail("clients file");
  struct connection *all = calloc((size_t)connections, sizeof *all);
  int poller = epoll_create1(0);
  struct epoll_event found[512];
  for (int i = 0; i < connections; i++) {
    uint32_t length;
    if (fread(&length, 4, 1, file) != 1) fail("clients file is too short");
    uint8_t *data = malloc(length);
    if (fread(data, 1, length, file) != length) fail("clients file is too short");
    all[i].fd = connect_to(atoi(arguments[1]));
    all[i].rest = malloc(4096);
    all[i].rest_capacity = 4096;
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (end == NULL) fail("an upgrade request");
    size_t request = (size_t)(end + 4 - data);
    all[i].first = data + request;
    all[i].first_length = length - request;
    send_all(all[i].fd, data, request);
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
    /* What the server says meanwhile is read at once, so that it never waits for us. */
    int ready = epoll_wait(poller, found, 512, 0);
    for (int k = 0; k < ready; k++) readable(found[k].data.ptr);
  }
  int upgraded = 0;
  while (upgraded < connections) {
    int ready = epoll_wait(poller, found, 512, 100);
    for (int k = 0; k < ready; k++) readable(found[k].data.ptr);
    upgraded = 0;
    for (int i = 0; i < connections; i++) upgraded += all[i].upgraded;
  }
  printf("subscribed\n");
  fflush(stdout);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  for (unsigned turn = 0;; turn++) {
    int ready = epoll_wait(poller, found, 512, 0);
    for (int k = 0; k < ready; k++) readable(found[k].data.ptr);
    if (turn % 1024 != 0 && ready > 0) continue;
    if (poll(&input, 1, 0) <= 0) continue;
    char line[64];
    if (read(0, line, sizeof line) <= 0) return 0;
    printf("{\"updates\":%llu,\"frames\":%llu,\"bytes\":%llu,\"controls\":%llu}\n", (unsigned long long)updates,
           (unsigned long long)frames, (unsigned long long)bytes, (unsigned long long)controls);
    fflush(stdout);
  }
}
