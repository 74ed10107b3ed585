// Netlink requests in one write, and those of an attach: shared by the programs that swrun is measured by.
#ifndef SWRUN_BENCH_BATCH_H
#define SWRUN_BENCH_BATCH_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

// `lo` is always 1. The slave's index is chosen, which saves asking for it; before Linux 6.15 it must be free in the
// sender's namespace too.
enum { loIndex = 1, slaveIndex = 0x5357 };

struct batch {
  char bytes[4096];
  size_t used;
  unsigned count;
  unsigned failed;  // the number of the message that was refused
};

static inline struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t flags) {
  struct nlmsghdr *h = mnl_nlmsg_put_header(b->bytes + b->used);
  h->nlmsg_type = type;
  h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  h->nlmsg_seq = ++b->count;
  return h;
}

static inline void finish(struct batch *b, struct nlmsghdr *h) { b->used += NLMSG_ALIGN(h->nlmsg_len); }

// One write for all messages; the kernel answers each with an acknowledgement. 0, or an errno.
static inline int talk(struct batch *b) {
  struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (!s) return errno;
  int failure = 0;
  if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(s, b->bytes, b->used) < 0) failure = errno;
  char answer[8192];
  for (unsigned seen = 0; !failure && seen < b->count;) {
    ssize_t n = mnl_socket_recvfrom(s, answer, sizeof answer);
    if (n < 0) failure = errno;
    int left = n;
    for (struct nlmsghdr *h = (void *)answer; !failure && mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
      struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
      if (h->nlmsg_type == NLMSG_ERROR && e->error) {
        failure = -e->error;
        b->failed = h->nlmsg_seq;
      }
      seen++;
    }
  }
  mnl_socket_close(s);
  return failure;
}

static inline void link_up(struct batch *b, int index) {
  struct nlmsghdr *h = begin(b, RTM_NEWLINK, 0);
  struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
  m->ifi_index = index;
  m->ifi_flags = m->ifi_change = IFF_UP;
  finish(b, h);
}

// A slave of kind "ipvlan" or "macvlan" (l2, bridge); `space` is IFLA_NET_NS_PID or IFLA_NET_NS_FD.
static inline void make_slave(struct batch *b, const char *kind, int parent, int space, int value) {
  struct nlmsghdr *h = begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
  m->ifi_index = slaveIndex;
  mnl_attr_put_strz(h, IFLA_IFNAME, "eth0");
  mnl_attr_put_u32(h, IFLA_LINK, parent);
  mnl_attr_put_u32(h, space, value);
  struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
  mnl_attr_put_strz(h, IFLA_INFO_KIND, kind);
  struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
  if (strcmp(kind, "ipvlan") == 0) {
    mnl_attr_put_u16(h, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
    mnl_attr_put_u16(h, IFLA_IPVLAN_FLAGS, 0);
  } else {
    mnl_attr_put_u32(h, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
  }
  mnl_attr_nest_end(h, data);
  mnl_attr_nest_end(h, info);
  finish(b, h);
}

// `lo` and the slave up, an address (network byte order) and a default route.
static inline void set_up(struct batch *b, uint32_t address, int prefix, uint32_t gateway) {
  link_up(b, loIndex);  // brings 127.0.0.1 and ::1
  link_up(b, slaveIndex);
  struct nlmsghdr *h = begin(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof *a);
  a->ifa_family = AF_INET;
  a->ifa_prefixlen = prefix;
  a->ifa_index = slaveIndex;
  mnl_attr_put_u32(h, IFA_LOCAL, address);
  mnl_attr_put_u32(h, IFA_ADDRESS, address);
  finish(b, h);
  h = begin(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof *r);
  r->rtm_family = AF_INET;
  r->rtm_table = RT_TABLE_MAIN;
  r->rtm_protocol = RTPROT_STATIC;
  r->rtm_type = RTN_UNICAST;
  mnl_attr_put_u32(h, RTA_GATEWAY, gateway);
  finish(b, h);
}

#endif
