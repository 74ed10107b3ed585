#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/net_namespace.h>
#include <linux/veth.h>
