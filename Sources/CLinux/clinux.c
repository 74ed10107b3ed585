#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

pid_t swrun_clone3(uint64_t flags, int *pidfd, int cgroup) {
  struct clone_args args = {
      .flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
  };
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

pid_t swrun_clone3_sibling(uint64_t flags, int *pidfd, int cgroup) {
  struct clone_args args = {
      .flags = flags | CLONE_PIDFD | CLONE_PARENT | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
  };
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

pid_t swrun_fork(void) { return fork(); }

int swrun_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int swrun_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int swrun_close_range(unsigned first, unsigned last, unsigned flags) {
  return (int)syscall(SYS_close_range, first, last, flags);
}

int swrun_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

int swrun_pivot_root(const char *new_root, const char *put_old) {
  return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int swrun_open_tree(int dirfd, const char *path, unsigned flags) {
  return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

int swrun_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
  return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

int swrun_mount_setattr(int dirfd, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                        uint64_t propagation, uint64_t user_namespace) {
  struct mount_attr attr = {
      .attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = user_namespace};
  return (int)syscall(SYS_mount_setattr, dirfd, path, flags, &attr, sizeof attr);
}

int swrun_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }

int swrun_fsconfig(int fd, unsigned command, const char *key, const char *value, int aux) {
  return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

int swrun_fspick(int dirfd, const char *path, unsigned flags) {
  return (int)syscall(SYS_fspick, dirfd, path, flags);
}

int swrun_fsmount(int fd, unsigned flags, unsigned attributes) {
  return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

int swrun_execveat(int fd, char *const argv[], char *const envp[]) {
  return (int)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

int swrun_bpf_load_device_filter(const uint64_t *instructions, unsigned count) {
  union bpf_attr attr = {
      .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
      .insn_cnt = count,
      .insns = (uint64_t)(uintptr_t)instructions,
      .license = (uint64_t)(uintptr_t) "Apache-2.0",
      .prog_name = "swrun_devices",
      .expected_attach_type = BPF_CGROUP_DEVICE,
  };
  return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

int swrun_bpf_attach_device_filter(int cgroup, int program) {
  union bpf_attr attr = {
      .target_fd = (uint32_t)cgroup,
      .attach_bpf_fd = (uint32_t)program,
      .attach_type = BPF_CGROUP_DEVICE,
      .attach_flags = BPF_F_ALLOW_MULTI,
  };
  return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr);
}

long swrun_seccomp(unsigned op, unsigned flags, const void *args) {
  return syscall(SYS_seccomp, op, flags, args);
}

// The headers of the build may be older than the kernel: the structures are of its ABI 6, and it takes
// longer ones whose rest is zero.
int swrun_landlock_create(uint64_t handled_fs, uint64_t scoped) {
  struct {
    uint64_t handled_access_fs, handled_access_net, scoped;
  } attr = {.handled_access_fs = handled_fs, .scoped = scoped};
  return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
}

int swrun_landlock_abi(void) {
  return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
}

int swrun_landlock_add_path(int ruleset, int parent, uint64_t allowed) {
  struct {
    uint64_t allowed_access;
    int32_t parent_fd;
  } __attribute__((packed)) attr = {.allowed_access = allowed, .parent_fd = parent};
  return (int)syscall(SYS_landlock_add_rule, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &attr, 0);
}

int swrun_landlock_restrict(int ruleset) {
  return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

const char *swrun_errno_name(int number) { return strerrorname_np(number); }

int swrun_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return prctl(option, a, b, c, d);
}

int swrun_ioctl_ptr(int fd, unsigned long request, void *argument) {
  return ioctl(fd, request, argument);
}

int swrun_ioctl_int(int fd, unsigned long request, unsigned long argument) {
  return ioctl(fd, request, argument);
}

int swrun_wait_exited(int status) { return WIFEXITED(status); }
int swrun_wait_exit_status(int status) { return WEXITSTATUS(status); }
int swrun_wait_signal(int status) { return WTERMSIG(status); }

int swrun_wait_pidfd(int pidfd, int *status, int no_hang) {
  siginfo_t info = {0};
  int flags = WEXITED | (no_hang ? WNOHANG : 0);
  int result;
  do {
    result = waitid(P_PIDFD, (id_t)pidfd, &info, flags);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return -1;
  if (info.si_pid == 0) return 1;
  *status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
  return 0;
}

int swrun_send_with_fd(int socket, const void *bytes, size_t size, int fd) {
  struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)size ? 0 : -1;
}

ssize_t swrun_receive_fd(int socket, uint8_t *byte, int *fd, pid_t *sender) {
  struct iovec vector = {.iov_base = byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
  } control = {0};
  struct msghdr message = {
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control.space,
      .msg_controllen = sizeof control.space,
  };
  *fd = -1;
  *sender = 0;
  ssize_t received;
  do {
    received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received <= 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      memcpy(fd, CMSG_DATA(header), sizeof *fd);
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      *sender = credentials.pid;
    }
  return received;
}

ssize_t swrun_receive_packet(int socket, void *buffer, size_t size, struct sockaddr_ll *sender,
                             uint32_t *status) {
  struct iovec vector = {.iov_base = buffer, .iov_len = size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
  } control = {0};
  struct msghdr message = {
      .msg_name = sender,
      .msg_namelen = sizeof *sender,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control.space,
      .msg_controllen = sizeof control.space,
  };
  *status = 0;
  ssize_t received;
  do {
    received = recvmsg(socket, &message, MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_PACKET && header->cmsg_type == PACKET_AUXDATA) {
      struct tpacket_auxdata auxiliary;
      memcpy(&auxiliary, CMSG_DATA(header), sizeof auxiliary);
      *status = auxiliary.tp_status;
    }
  return received;
}
