import Netlink

/// What Prometheus is told of the instances.
public enum InstanceMetrics {
  private struct Subject {
    let state: InstanceState
    let usage: UsageRow
    var labels: KeyValuePairs<String, String> { ["id": state.shortID, "name": state.name] }
  }

  /// All instances, those that have ended among them.
  public static func text(_ store: InstanceStore) -> String {
    var meter = UsageMeter(store)
    return text(store.states().map { ($0, meter.read($0)) })
  }

  static func text(_ instances: [(InstanceState, UsageRow)]) -> String {
    let subjects = instances.map { Subject(state: $0.0, usage: $0.1) }
    var text = MetricsText()
    text.begin("instances", .gauge, "Instances by state.")
    for status in InstanceState.Status.allCases {
      text.add(
        ["state": status.rawValue], subjects.count { $0.state.status == status })
    }
    text.begin("instance_info", .gauge, "An instance; the value is always 1.")
    for subject in subjects {
      let state = subject.state
      text.add(
        [
          "id": state.shortID, "name": state.name,
          "command": state.command.joined(separator: " "),
          "network": state.networkNames.joined(separator: ","),
        ], 1)
    }
    states(subjects, &text)
    resources(subjects, &text)
    traffic(subjects, &text)
    return text.text
  }

  private static func states(_ subjects: [Subject], _ text: inout MetricsText) {
    text.begin("instance_running", .gauge, "Whether the command is there, paused or not.")
    for subject in subjects { text.add(subject.labels, subject.state.isRunning ? 1 : 0) }
    text.begin("instance_paused", .gauge, "Whether it is paused.")
    for subject in subjects { text.add(subject.labels, subject.state.status == .paused ? 1 : 0) }
    text.begin("instance_start_time_seconds", .gauge, "When it was started, since 1970.")
    for subject in subjects {
      guard let time = subject.state.started else { continue }
      text.add(subject.labels, Double(time.nanoseconds) / 1e9)
    }
    text.begin("instance_exit_code", .gauge, "How it has ended.")
    for subject in subjects {
      guard !subject.state.isRunning, let code = subject.state.exitCode else { continue }
      text.add(subject.labels, code)
    }
    text.begin("instance_restarts_total", .counter, "How often it was launched again.")
    for subject in subjects { text.add(subject.labels, subject.state.restartCount ?? 0) }
    text.begin(
      "instance_healthy", .gauge, "What its last health check says; left out where it has none.")
    for subject in subjects {
      guard let health = subject.state.health?.status, health != .starting else { continue }
      text.add(subject.labels, health == .healthy ? 1 : 0)
    }
    text.begin("instance_oom_killed", .gauge, "Whether the kernel has killed for want of memory.")
    for subject in subjects { text.add(subject.labels, subject.state.oomKilled == true ? 1 : 0) }
  }

  /// What this machine does not tell is left out.
  private static func resources(_ subjects: [Subject], _ text: inout MetricsText) {
    let numbers: [(String, MetricsText.Kind, String, KeyPath<UsageRow, UInt64?>)] = [
      ("memory_bytes", .gauge, "Memory without page cache that can be given up.", \.memoryBytes),
      (
        "memory_limit_bytes", .gauge, "Its limit, or where there is none what the machine has.",
        \.memoryLimitBytes
      ),
      ("pids", .gauge, "Processes and threads.", \.pids),
      ("pids_limit", .gauge, "How many there may be.", \.pidsLimit),
      ("block_read_bytes_total", .counter, "Read from block devices.", \.blockReadBytes),
      ("block_written_bytes_total", .counter, "Written to block devices.", \.blockWrittenBytes),
    ]
    text.begin("instance_cpu_seconds_total", .counter, "Processor time that it has used.")
    for subject in subjects {
      if let seconds = subject.usage.cpuSeconds { text.add(subject.labels, seconds) }
    }
    for (name, kind, help, path) in numbers {
      text.begin("instance_\(name)", kind, help)
      for subject in subjects {
        if let value = subject.usage[keyPath: path] { text.add(subject.labels, value) }
      }
    }
  }

  private static func traffic(_ subjects: [Subject], _ text: inout MetricsText) {
    let counters: [(String, String, KeyPath<LinkTraffic, UInt64>)] = [
      ("receive_bytes", "Received by an interface.", \.receivedBytes),
      ("receive_packets", "Packets received by an interface.", \.receivedPackets),
      ("receive_errors", "Packets that were received broken.", \.receiveErrors),
      ("receive_dropped", "Packets that were received and dropped.", \.receiveDropped),
      ("transmit_bytes", "Sent by an interface.", \.sentBytes),
      ("transmit_packets", "Packets sent by an interface.", \.sentPackets),
      ("transmit_errors", "Packets that could not be sent.", \.sendErrors),
      ("transmit_dropped", "Packets that were dropped before they were sent.", \.sendDropped),
    ]
    for (name, help, path) in counters {
      text.begin("instance_network_\(name)_total", .counter, help)
      for subject in subjects {
        for link in subject.usage.interfaces ?? [] {
          text.add(
            [
              "id": subject.state.shortID, "name": subject.state.name,
              "interface": link.interface,
            ], link[keyPath: path])
        }
      }
    }
    text.begin(
      "instance_network_up", .gauge, "Whether an interface is of use: its parent is there and up.")
    for subject in subjects where subject.state.isRunning {
      for network in subject.state.networks {
        text.add(
          [
            "id": subject.state.shortID, "name": subject.state.name,
            "interface": network.interface,
          ], network.fault == nil ? 1 : 0)
      }
    }
  }
}
