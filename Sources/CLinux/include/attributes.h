// Attributes of a process for which libc has no wrapper, or none that Swift imports.
#ifndef SWRUN_ATTRIBUTES_H
#define SWRUN_ATTRIBUTES_H

#include <stdint.h>

// prlimit(2) of this process; `resource` is RLIMIT_*.
int swrun_set_limit(int resource, uint64_t soft, uint64_t hard);

// sched_setattr(2) of this process with SCHED_ATTR_SIZE_VER0. Times are nanoseconds.
int swrun_set_scheduler(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority,
                        uint64_t runtime, uint64_t deadline, uint64_t period);

// ioprio_set(2) of this process.
int swrun_set_io_priority(int priority_class, int level);

// sched_setaffinity(2) of this process; `mask` has `size` bytes, bit n of byte n/8 is CPU n.
int swrun_set_affinity(const uint8_t *mask, unsigned size);

// personality(2).
int swrun_set_personality(unsigned long value);

// set_mempolicy(2); `nodes` has `bits` bits in unsigned longs.
int swrun_set_memory_policy(int mode, const unsigned long *nodes, unsigned long bits);

#endif
