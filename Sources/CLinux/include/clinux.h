// What Swift cannot import from the kernel's and libc's headers: raw system calls without a
// libc wrapper, function-like macros, and fork, which Swift's overlay marks unavailable.
// Each wrapper is one call; the policy lives in Swift.
#ifndef SWRUN_CLINUX_H
#define SWRUN_CLINUX_H

#include <malloc.h>
#include "attributes.h"

// Headers that Swift's Glibc module leaves out.
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/vfs.h>

// Declared by glibc for _GNU_SOURCE alone, which that module is built without.
int setns(int fd, int kinds);
int pipe2(int ends[2], int flags);
int setresuid(uid_t real, uid_t effective, uid_t saved);
int setresgid(gid_t real, gid_t effective, gid_t saved);
int memfd_create(const char *name, unsigned flags);
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int unshare(int kinds);

// clone3(2) without CLONE_VM: returns 0 in the child, its pid in the parent, -1 and errno.
// *pidfd receives a close-on-exec descriptor in the parent. flags are CLONE_NEW*. cgroup is the
// directory of the cgroup v2 in which the child starts (CLONE_INTO_CGROUP), or -1 for our own.
pid_t swrun_clone3(uint64_t flags, int *pidfd, int cgroup);

// The same with CLONE_PARENT: the new process is a child of the caller's parent.
pid_t swrun_clone3_sibling(uint64_t flags, int *pidfd, int cgroup);

// fork(2). swrun has one thread, so the child may go on as the parent would.
pid_t swrun_fork(void);

int swrun_pidfd_open(pid_t pid);
int swrun_pidfd_send_signal(int pidfd, int signal);
int swrun_close_range(unsigned first, unsigned last, unsigned flags);
int swrun_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int swrun_pivot_root(const char *new_root, const char *put_old);
int swrun_open_tree(int dirfd, const char *path, unsigned flags);
int swrun_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int swrun_mount_setattr(int dirfd, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                        uint64_t propagation, uint64_t user_namespace);
int swrun_fsopen(const char *type, unsigned flags);
int swrun_fsconfig(int fd, unsigned command, const char *key, const char *value, int aux);
int swrun_fspick(int dirfd, const char *path, unsigned flags);
int swrun_fsmount(int fd, unsigned flags, unsigned attributes);
int swrun_execveat(int fd, char *const argv[], char *const envp[]);
// bpf(2): loads a BPF_PROG_TYPE_CGROUP_DEVICE program (struct bpf_insn, 8 bytes each) and returns its
// close-on-exec descriptor; attaches it to a cgroup beside what is attached there already.
int swrun_bpf_load_device_filter(const uint64_t *instructions, unsigned count);
int swrun_bpf_attach_device_filter(int cgroup, int program);
long swrun_seccomp(unsigned op, unsigned flags, const void *args);

// landlock(7). The ABI's number, or -1 where the kernel has none or it is switched off.
int swrun_landlock_abi(void);
// A ruleset's descriptor (close-on-exec). LANDLOCK_ACCESS_FS_* and LANDLOCK_SCOPE_*.
int swrun_landlock_create(uint64_t handled_fs, uint64_t scoped);
int swrun_landlock_add_path(int ruleset, int parent, uint64_t allowed);
int swrun_landlock_restrict(int ruleset);

// The name of an errno, such as EPERM; NULL for none.
const char *swrun_errno_name(int number);

// prctl(2) is variadic, which Swift does not import.
int swrun_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

// ioctl(2) likewise; the pointer form and the value form.
int swrun_ioctl_ptr(int fd, unsigned long request, void *argument);
int swrun_ioctl_int(int fd, unsigned long request, unsigned long argument);

// Unmaps the code and the constants of this program and of its libraries: of what is used, the kernel maps it
// again.
void swrun_unmap_code(void);
// Gives back what lies below the present end of the main thread's stack, on which this is to be called.
void swrun_release_stack(void);
// Unmaps the code, and what of the data this process has not written, gives the stack back, and waits for ever,
// epoll_wait(2); little else of the program is used between.
int swrun_wait_unmapped(int epoll, struct epoll_event *events, int room);
// Maps this program anew from `file`, which is its own file opened by another mount, and makes that its
// executable (/proc/PID/exe): PR_SET_MM_MAP, prctl(2), which needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. All
// else stays as it is. For a process with one thread. 0, or -1 and errno, and the program goes on all the same.
int swrun_become(int file);

// The wait status macros of wait(2).
int swrun_wait_exited(int status);
int swrun_wait_exit_status(int status);
int swrun_wait_signal(int status);

// waitid(P_PIDFD): 0 and *status (wait(2) encoding) when the process has ended, 1 when it has
// not yet (WNOHANG), -1 and errno.
int swrun_wait_pidfd(int pidfd, int *status, int no_hang);

// Sends all of `bytes` in one message, with descriptor `fd` beside it if fd >= 0 (SCM_RIGHTS,
// unix(7)); 0, or -1.
int swrun_send_with_fd(int socket, const void *bytes, size_t size, int fd);
// Receives one byte and at most one descriptor (close-on-exec). *sender is the sender's pid as this
// process numbers it where the socket has SO_PASSCRED, else 0. Returns recvmsg's result.
ssize_t swrun_receive_fd(int socket, uint8_t *byte, int *fd, pid_t *sender);

// Receives one packet of an AF_PACKET socket that has PACKET_AUXDATA, packet(7), without waiting.
// *status becomes its TP_STATUS_* bits. Returns recvmsg's result; of a packet that is longer than
// the buffer, its first part.
ssize_t swrun_receive_packet(int socket, void *buffer, size_t size, struct sockaddr_ll *sender,
                             uint32_t *status);

#endif
