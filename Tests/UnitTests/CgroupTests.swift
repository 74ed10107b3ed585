import Testing

@testable import Linux
@testable import Netlink
@testable import Sandbox

@Suite("cgroup files")
struct CgroupTests {
  @Test("the hierarchy is found among the mounts, also where version 1 is beside it")
  func mounts() {
    let hybrid = """
      24 30 0:22 / /proc rw,relatime - proc proc rw
      31 30 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
      32 31 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 master:2 - cgroup2 cgroup2 rw,nsdelegate
      """
    let found = CgroupHierarchy.mount(in: hybrid)
    #expect(found?.path == "/sys/fs/cgroup/unified" && found?.isReadOnly == false)
    #expect(found?.options == ["nsdelegate"])
    let container = "41 31 0:38 /../.. /a\\040b ro,relatime - cgroup2 cgroup2 rw\n"
    let other = CgroupHierarchy.mount(in: container)
    #expect(other?.path == "/a b" && other?.isReadOnly == true)
    #expect(CgroupHierarchy.mount(in: "24 30 0:22 / /proc rw - proc proc rw") == nil)
  }

  @Test("keys, sums and limits are read")
  func texts() {
    #expect(
      CgroupText.flatKeys("low 0\noom_kill 3\nbroken\n") == ["low": 0, "oom_kill": 3])
    #expect(
      CgroupText.nestedSums("8:0 rbytes=5 wbytes=1\n8:16 rbytes=7 wbytes=0\n")
        == ["rbytes": 12, "wbytes": 1])
    #expect(CgroupText.limit("max\n") == nil && CgroupText.limit("42\n") == 42)
  }

  @Test(
    "sizes are powers of 1024",
    arguments: [
      ("512m", 512 << 20), ("1.5g", 3 << 29), ("64KiB", 65536), ("64kb", 65536), ("10", 10),
      ("10b", 10), ("0", 0), ("2 G", 2 << 30),
    ])
  func sizes(_ text: String, _ bytes: Int64) { #expect(ByteSize.parse(text) == bytes) }

  @Test(
    "what is no size is none", arguments: ["", "m", "-1", "1x", "1e9", "1mm", "9999999p", "nan"])
  func noSizes(_ text: String) { #expect(ByteSize.parse(text) == nil) }

  @Test("sizes are written short")
  func words() {
    #expect(ByteSize.text(0) == "0B" && ByteSize.text(1024) == "1KiB")
    #expect(ByteSize.text(13_107_200) == "12.5MiB" && ByteSize.decimalText(1240) == "1.24kB")
  }

  @Test("traffic is read from the kernel's counters, without the loopback's")
  func traffic() throws {
    func payload(_ flags: UInt32) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 16)
      withUnsafeBytes(of: flags) { bytes.replaceSubrange(8..<12, with: $0) }
      bytes += [9, 0, 3, 0] + Array("eth0\0".utf8) + [0, 0, 0]
      // struct nlattr of IFLA_STATS64, then packets, bytes, errors and drops, received and sent
      bytes += [68, 0, 23, 0]
      for counter in [UInt64(1), 2, 300, 400, 5, 6, 7, 8] {
        withUnsafeBytes(of: counter) { bytes += $0 }
      }
      return bytes
    }
    let found = try #require(NetlinkSocket.traffic(payload(1)[...]))
    #expect(
      found
        == LinkTraffic(
          interface: "eth0", receivedBytes: 300, receivedPackets: 1, receiveErrors: 5,
          receiveDropped: 7, sentBytes: 400, sentPackets: 2, sendErrors: 6, sendDropped: 8))
    #expect(NetlinkSocket.traffic(payload(1 | 8)[...]) == nil)
  }
}
