/* What the load programs share: the clock, latency samples, and how they fail. */
#ifndef TAPNET_BENCH_LOAD_H
#define TAPNET_BENCH_LOAD_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MOST = 1 << 20 };

/* Latencies in nanoseconds; when it is full, later ones replace random earlier ones, so that it stays a fair sample. */
struct samples {
  uint32_t *values;
  uint64_t seen;
};

static const char *program_name;

static inline void fail(const char *what, const char *object) {
  fprintf(stderr, "%s: %s %s: %s\n", program_name, what, object == NULL ? "" : object, strerror(errno));
  exit(2);
}

static inline uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void sample(struct samples *samples, uint64_t ns) {
  if (samples->values == NULL) samples->values = malloc(SAMPLES_MOST * sizeof *samples->values);
  if (samples->values == NULL) fail("malloc", "samples");
  uint64_t at = samples->seen++;
  if (at >= SAMPLES_MOST) at = (uint64_t)random() % samples->seen;
  if (at < SAMPLES_MOST) samples->values[at] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static inline int compare_samples(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* The given percentile in microseconds; sorts in place. 0 where there are no samples. */
static inline double percentile_us(struct samples *samples, double percent) {
  size_t count = samples->seen < SAMPLES_MOST ? (size_t)samples->seen : SAMPLES_MOST;
  if (count == 0) return 0;
  qsort(samples->values, count, sizeof *samples->values, compare_samples);
  size_t at = (size_t)((double)count * percent / 100.0);
  return samples->values[at < count ? at : count - 1] / 1000.0;
}

#endif
