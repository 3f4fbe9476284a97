/*
 * The other gateways: subscribers that read what Redis sends them, count the messages, and drop them.
 *
 *   sinks <redis port> <connections> <channels> <name>
 *
 * Each subscribes to <channels> names: <name> is a format for the number, e.g. "t:L%05d". Prints "ready"
 * when all are subscribed; then, for each line on standard input, one line of JSON with what they have read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (1024 * 1024)

struct sink {
  int fd;
  uint64_t confirmed, messages;
  /* What of an unfinished message has come. */
  char *rest;
  size_t length, capacity;
};

static uint64_t bytes;
static char chunk[2 * CHUNK];

static void fail(const char *what) {
  printf("failed %s: %s\n", what, strerror(errno));
  fflush(stdout);
  exit(1);
}

static const char *line_end(const char *at, const char *end) {
  const char *found = memchr(at, '\n', (size_t)(end - at));
  return found == NULL ? NULL : found + 1;
}

/* One push: *3, then three items of which the last is a string or, in a confirmation, an integer. */
static const char *push(struct sink *s, const char *at, const char *end) {
  const char *next = line_end(at, end);
  if (next == NULL) return NULL;
  if (at[0] != '*') fail("expected an array");
  int is_message = 0;
  for (int item = 0; item < 3; item++) {
    const char *start = next;
    next = line_end(start, end);
    if (next == NULL) return NULL;
    if (start[0] == ':') continue;
    if (start[0] != '$') fail("expected a string");
    size_t size = (size_t)atol(start + 1);
    if (next + size + 2 > end) return NULL;
    if (item == 0) is_message = size == 7;
    next += size + 2;
  }
  if (is_message) s->messages++;
  else s->confirmed++;
  return next;
}

static void readable(struct sink *s) {
  memcpy(chunk, s->rest, s->length);
  ssize_t got = read(s->fd, chunk + s->length, CHUNK);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("the server ended a connection");
  bytes += (uint64_t)got;
  const char *at = chunk, *end = chunk + s->length + got;
  for (const char *next = at; next != NULL && at < end; next = push(s, at, end)) at = next;
  s->length = (size_t)(end - at);
  if (s->length > s->capacity) {
    s->capacity = s->length * 2;
    free(s->rest);
    s->rest = malloc(s->capacity);
    if (s->rest == NULL || s->capacity > CHUNK) fail("memory");
  }
  memcpy(s->rest, at, s->length);
}

static void subscribe(int fd, int channels, const char *name) {
  char text[64], command[160];
  for (int i = 0; i < channels; i++) {
    int size = snprintf(text, sizeof text, name, i);
    int length = snprintf(command, sizeof command, "*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%s\r\n", size, text);
    if (write(fd, command, (size_t)length) != length) fail("subscribe");
  }
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  int connections = atoi(arguments[2]), channels = atoi(arguments[3]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct sink *all = calloc((size_t)connections + 1, sizeof *all);
  int poller = epoll_create1(0);
  struct epoll_event found[64];
  for (int i = 0; i < connections; i++) {
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (all[i].fd < 0 || connect(all[i].fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    all[i].capacity = 4096;
    all[i].rest = malloc(all[i].capacity);
    subscribe(all[i].fd, channels, arguments[4]);
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
  }
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  int ready = 0;
  for (;;) {
    int got = epoll_wait(poller, found, 64, 100);
    for (int k = 0; k < got; k++) {
      if (found[k].data.ptr != NULL) {
        readable(found[k].data.ptr);
        continue;
      }
      char line[64];
      if (read(0, line, sizeof line) <= 0) return 0;
      uint64_t messages = 0;
      for (int i = 0; i < connections; i++) messages += all[i].messages;
      printf("{\"messages\":%llu,\"bytes\":%llu}\n", (unsigned long long)messages, (unsigned long long)bytes);
      fflush(stdout);
    }
    int confirmed = 0;
    for (int i = 0; i < connections; i++) confirmed += all[i].confirmed == (uint64_t)channels;
    if (!ready && confirmed == connections) {
      ready = 1;
      printf("ready\n");
      fflush(stdout);
    }
  }
}
