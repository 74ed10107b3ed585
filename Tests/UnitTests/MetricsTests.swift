import Linux
import TestSupport
import Testing

@testable import Netlink
@testable import Supervisor

@Suite("metrics")
struct MetricsTests {
  @Test("labels and help are escaped, and numbers are those of the format")
  func escapes() throws {
    var text = MetricsText()
    text.begin("a", .gauge, "two\nlines \\ and \"quotes\"")
    text.add(["x": "a\"b\\c\nd ä}{,=", "y": ""], 1.5)
    text.add(["x": "big"], UInt64.max)
    text.add(["x": "inf"], -Double.infinity)
    text.begin("b_total", .counter, "none")
    #expect(
      text.text.hasPrefix("# HELP swrun_a two\\nlines \\\\ and \"quotes\"\n# TYPE swrun_a gauge\n"))
    let read = try Exposition(text.text)
    #expect(read.samples.map(\.value) == [1.5, Double(UInt64.max), -.infinity])
    #expect(read.value("a", ["x": "a\"b\\c\nd ä}{,=", "y": ""]) == 1.5)
    #expect(read.types == ["swrun_a": "gauge", "swrun_b_total": "counter"])
  }

  @Test("what an instance uses is told, of each interface, and what is not known is left out")
  func instances() throws {
    let identity = ProcessIdentity(pid: 1, startTime: 1)
    var running = InstanceState(
      id: String(repeating: "a", count: 64), name: "web", command: ["sh", "-c", "echo \"x\"\n"],
      status: .running, created: .now, monitor: identity, bootId: "b", detached: true,
      terminal: false, removed: false, networks: [],
      hostNamespace: .init(FileIdentity(device: 1, inode: 1)))
    running.started = Timestamp(nanoseconds: 1_500_000_000)
    var usage = UsageRow(id: running.id, name: "web")
    usage.cpuSeconds = 2.25
    usage.memoryBytes = 4096
    usage.interfaces = ["eth0", "eth1"].map {
      LinkTraffic(
        interface: $0, receivedBytes: 10, receivedPackets: 1, receiveErrors: 0, receiveDropped: 3,
        sentBytes: 20, sentPackets: 2, sendErrors: 0, sendDropped: 0)
    }
    let text = InstanceMetrics.text([(running, usage)])
    let read = try Exposition(text)
    let web = ["name": "web", "id": "aaaaaaaaaaaa"]
    #expect(read.value("instances", ["state": "running"]) == 1)
    #expect(read.value("instances", ["state": "exited"]) == 0)
    #expect(read.value("instance_info", ["command": "sh -c echo \"x\"\n"]) == 1)
    #expect(read.value("instance_running", web) == 1)
    #expect(read.value("instance_start_time_seconds", web) == 1.5)
    #expect(read.value("instance_cpu_seconds_total", web) == 2.25)
    #expect(read.value("instance_memory_bytes", web) == 4096)
    #expect(read.value("instance_memory_limit_bytes", web) == nil)
    #expect(read.value("instance_exit_code", web) == nil)
    for interface in ["eth0", "eth1"] {
      let labels = web.merging(["interface": interface]) { $1 }
      #expect(read.value("instance_network_receive_bytes_total", labels) == 10)
      #expect(read.value("instance_network_receive_dropped_total", labels) == 3)
      #expect(read.value("instance_network_transmit_packets_total", labels) == 2)
    }
  }
}
