#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *questions[] = {"Beautiful is better than?", "Explicit is better than?", "Simple is better than?"};
static const char *answers[] = {"Ugly.", "Implicit.", "Complex."};

static int send_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return -1;
    p += k;
    n -= (size_t)k;
  }
  return 0;
}

static const char *answer(const char *question, size_t n) {
  for (int i = 0; i < 3; i++)
    if (n == strlen(questions[i]) && memcmp(question, questions[i], n) == 0) return answers[i];
  return "Error: unknown aphorism.";
}

static void converse(int fd) {
  size_t used = 0, size = 4096;
  char *question = malloc(size);
  char data[4096];
  ssize_t n;
  while ((n = recv(fd, data, sizeof data, 0)) > 0) {
    for (ssize_t i = 0; i < n; i++) {
      if (used == size) question = realloc(question, size *= 2);
      question[used++] = data[i];
      if (data[i] == '?') {
        const char *said = answer(question, used);
        used = 0;
        if (send_all(fd, said, strlen(said)) < 0) goto out;
      }
    }
  }
out:
  free(question);
  close(fd);
}

#ifdef FORK
static void serve(int server, int fd) {
  if (fork() == 0) {
    close(server);
    converse(fd);
    _exit(0);
  }
  close(fd);
}
#else
static void *thread(void *arg) {
  converse((int)(long)arg);
  return NULL;
}

static void serve(int server, int fd) {
  pthread_t t;
  (void)server;
  if (pthread_create(&t, NULL, thread, (void *)(long)fd) == 0)
    pthread_detach(t);
  else
    close(fd);
}
#endif

int main(void) {
  signal(SIGCHLD, SIG_IGN);
  int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(getenv("PORT")))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(server, (struct sockaddr *)&at, sizeof at) < 0 || listen(server, 128) < 0) {
    perror("bind");
    return 1;
  }
  for (;;) {
    int fd = accept(server, NULL, NULL);
    if (fd >= 0) serve(server, fd);
  }
}
