/* Threads that share the items of a kernel's loops. One pool serves all kernels of a process.

   A job is open while there are places in it. A worker that is awake or wakes up in time takes a place and works
   through items until none are left; the caller does the same, closes the job and waits for those who took a place, and
   only for them: a worker that the system does not let run holds nobody up. Idle workers spin for a moment, since the
   next job often comes at once, and then sleep. Nothing here depends on OpenMP or changes how other libraries in the
   process use their threads. */

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

typedef void (*body_t)(const void* arguments, long item, long thread);

enum { SPIN_MICROSECONDS = 50, MOST = 1024 };

/* The job. Written while nobody is in it. */
static body_t body;
static const void* arguments;
static long items;
static atomic_long next_item, places, finished;

static atomic_long sleepers, caller_sleeps;
static long workers;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER, asleep = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER, left = PTHREAD_COND_INITIALIZER;

static inline void pause_(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static long microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* Waits a moment for a condition; whether it came true. */
#define SPIN_UNTIL(condition)                                                       \
    ({                                                                              \
        int came = 0;                                                               \
        const long until = microseconds() + SPIN_MICROSECONDS;                      \
        do                                                                          \
            for (int i = 0; i < 32 && !(came = (condition)); i++) pause_();         \
        while (!came && microseconds() < until);                                    \
        came;                                                                       \
    })

static void work(long thread) {
    for (long item; (item = atomic_fetch_add(&next_item, 1)) < items;) body(arguments, item, thread);
}

static void* worker(void* unused) {
    for (;;) {
        if (!SPIN_UNTIL(atomic_load(&places) > 0)) {
            pthread_mutex_lock(&asleep);
            atomic_fetch_add(&sleepers, 1);
            while (atomic_load(&places) <= 0) pthread_cond_wait(&opened, &asleep);
            atomic_fetch_sub(&sleepers, 1);
            pthread_mutex_unlock(&asleep);
        }
        long place = atomic_load(&places);
        while (place > 0 && !atomic_compare_exchange_weak(&places, &place, place - 1));
        if (place <= 0) continue;
        work(place);
        atomic_fetch_add(&finished, 1);
        if (atomic_load(&caller_sleeps)) {
            pthread_mutex_lock(&asleep);
            pthread_cond_signal(&left);
            pthread_mutex_unlock(&asleep);
        }
    }
    return unused;
}

/* A forked process has the memory of the pool and none of its threads. */
static void forget_workers(void) {
    workers = 0;
    atomic_store(&places, 0);
    atomic_store(&sleepers, 0);
    atomic_store(&caller_sleeps, 0);
    turn = asleep = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    opened = left = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static void hire(long wanted) {
    static int watching;
    if (!watching) watching = !pthread_atfork(NULL, NULL, forget_workers);
    /* Signals are for the threads of the program. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (pthread_t made; workers < wanted && !pthread_create(&made, NULL, worker, NULL); workers++)
        pthread_detach(made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Calls job(job_arguments, item, thread) once for every item 0 … count - 1, on at most `threads` threads, each with a
   number of its own below `threads`. Returns when all calls have. */
void parallel(body_t job, const void* job_arguments, long count, long threads) {
    long wanted = threads < count ? threads : count;
    if (wanted > MOST) wanted = MOST;
    if (wanted < 2 || pthread_mutex_trylock(&turn)) {
        /* One thread is enough, or the pool is another caller's just now. */
        for (long item = 0; item < count; item++) job(job_arguments, item, 0);
        return;
    }
    if (workers < wanted - 1) hire(wanted - 1);
    body = job, arguments = job_arguments, items = count;
    atomic_store(&next_item, 0);
    atomic_store(&finished, 0);
    atomic_store(&places, wanted - 1);
    if (atomic_load(&sleepers)) {
        pthread_mutex_lock(&asleep);
        for (long n = 1; n < wanted; n++) pthread_cond_signal(&opened);
        pthread_mutex_unlock(&asleep);
    }
    work(0);
    const long joined = wanted - 1 - atomic_exchange(&places, 0);
    if (!SPIN_UNTIL(atomic_load(&finished) == joined)) {
        pthread_mutex_lock(&asleep);
        atomic_store(&caller_sleeps, 1);
        while (atomic_load(&finished) != joined) pthread_cond_wait(&left, &asleep);
        atomic_store(&caller_sleeps, 0);
        pthread_mutex_unlock(&asleep);
    }
    pthread_mutex_unlock(&turn);
}
