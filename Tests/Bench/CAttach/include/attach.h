// The least netlink work that gives a network namespace an interface: what swrun's own is measured by.
#ifndef SWRUN_BENCH_ATTACH_H
#define SWRUN_BENCH_ATTACH_H

// Makes a slave of kind "ipvlan" or "macvlan" (l2, bridge) of the interface with the index `parent` in the network
// namespace `space`, sets it and lo up, gives it 10.20.20.2/24 and a default route by 10.20.20.1. 0, or an errno.
int swrun_bench_attach(const char *kind, int parent, int space);

// Removes it.
int swrun_bench_detach(int space);

#endif
