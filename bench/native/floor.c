/*
 * The floor: what the kernel alone costs. Accepts C WebSocket connections, then every interval copies the same
 * fragments that the service sends (recorded from it) side by side into one buffer per client and calls send() once.
 *
 *   floor <connections> <interval ms> <fragments per client> <bytes per fragment> <prefix bytes>
 *
 * Prints "listening <port>" and begins when all are connected.
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SYMBOLS 500

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* SHA-1 of the key is not checked by the load client: any answer with 101 will do. */
static const char ANSWER[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";

int main(int count, char **arguments) {
  if (count != 6) return 2;
  int connections = atoi(arguments[1]), interval = atoi(arguments[2]);
  int per_client = atoi(arguments[3]), size = atoi(arguments[4]), prefix = atoi(arguments[5]);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 4096) != 0) fail("listen");
  socklen_t length = sizeof address;
  getsockname(server, (struct sockaddr *)&address, &length);
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  int *clients = malloc(sizeof(int) * (size_t)connections);
  for (int i = 0; i < connections; i++) {
    clients[i] = accept(server, NULL, NULL);
    if (clients[i] < 0) fail("accept");
    char request[8192];
    if (read(clients[i], request, sizeof request) <= 0) fail("request");
    if (write(clients[i], ANSWER, sizeof ANSWER - 1) < 0) fail("answer");
    setsockopt(clients[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(clients[i], F_SETFL, O_NONBLOCK);
  }

  uint8_t *fragments = malloc((size_t)SYMBOLS * (size_t)size);
  for (int i = 0; i < SYMBOLS * size; i++) fragments[i] = (uint8_t)i;
  int *chosen = malloc(sizeof(int) * (size_t)connections * (size_t)per_client);
  unsigned seed = 7;
  for (int i = 0; i < connections * per_client; i++) {
    seed = seed * 1664525u + 1013904223u;
    chosen[i] = (int)((seed >> 8) % SYMBOLS);
  }
  int payload = prefix + per_client * size;
  uint8_t *frame = malloc((size_t)payload + 4);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (;;) {
    next.tv_nsec += (long)interval * 1000000L;
    while (next.tv_nsec >= 1000000000L) {
      next.tv_nsec -= 1000000000L;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    for (int c = 0; c < connections; c++) {
      frame[0] = 0x82;
      frame[1] = 126;
      frame[2] = (uint8_t)(payload >> 8);
      frame[3] = (uint8_t)payload;
      frame[4] = 0xdc;
      frame[5] = (uint8_t)(per_client >> 8);
      frame[6] = (uint8_t)per_client;
      uint8_t *to = frame + 4 + prefix;
      for (int k = 0; k < per_client; k++, to += size)
        memcpy(to, fragments + (size_t)chosen[c * per_client + k] * (size_t)size, (size_t)size);
      ssize_t sent = send(clients[c], frame, (size_t)payload + 4, MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent != payload + 4) fail("short send: the clients do not keep up");
    }
  }
}
