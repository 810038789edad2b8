#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void *converse(void *arg) {
  int fd = (int)(long)arg;
  char data[16384];
  ssize_t n;
  while ((n = recv(fd, data, sizeof data, 0)) > 0) {
    for (ssize_t sent = 0; sent < n;) {
      ssize_t k = send(fd, data + sent, (size_t)(n - sent), MSG_NOSIGNAL);
      if (k <= 0) goto out;
      sent += k;
    }
  }
out:
  close(fd);
  return NULL;
}

int main(void) {
  int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(getenv("PORT")))};
  if (bind(server, (struct sockaddr *)&at, sizeof at) < 0 || listen(server, 128) < 0) {
    perror("bind");
    return 1;
  }
  for (;;) {
    int fd = accept(server, NULL, NULL);
    pthread_t t;
    if (fd >= 0 && pthread_create(&t, NULL, converse, (void *)(long)fd) == 0) pthread_detach(t);
  }
}
