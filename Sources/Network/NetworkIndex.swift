import Glibc
import Linux

/// What a listing shows of a network.
public struct NetworkSummary: Hashable, Sendable {
  public let name: String
  public let driver: String
  /// `ipvlan:eth0:l2`
  public let network: String
  public let parent: String
  /// `10.20.20.0/24`
  public let subnets: [String]
  public let labels: [String: String]
  /// RFC 3339.
  public let created: String

  init(_ network: NetworkDefinition) {
    name = network.name
    driver = network.driver
    self.network = NetworkSpec(kind: network.kind).summary
    parent = network.parent
    subnets = network.pools.map { "\($0.subnet)" }
    labels = network.labels
    created = network.created
  }
}

/// `STATE/networks/index`: the summaries of all networks in one file, since reading a definition takes
/// a hundred times longer than a look at whether it has changed. The definitions stay the truth: an
/// entry counts as long as its file is the one that it was made from.
struct NetworkIndex {
  /// What changes with a file: a definition is replaced by rename(2), and an editor's change moves the
  /// time of change, which nobody can set back.
  struct Stamp: Hashable {
    let inode: UInt64
    let size: Int64
    /// Nanoseconds since 1970.
    let changed: Int64

    /// `nil` where there is no such file.
    init?(_ file: String, in directory: CInt) {
      var status = stat()
      guard fstatat(directory, file, &status, 0) == 0 else { return nil }
      inode = UInt64(status.st_ino)
      size = Int64(status.st_size)
      changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }

    fileprivate init?(_ fields: inout Fields) {
      let numbers = (fields.number(), fields.number(), fields.number())
      guard let inode = numbers.0, let size = numbers.1.flatMap({ Int64(exactly: $0) }),
        let changed = numbers.2.flatMap({ Int64(exactly: $0) })
      else { return nil }
      self.inode = inode
      self.size = size
      self.changed = changed
    }
  }

  /// The fields of an index's lines one after the other, straight from its bytes.
  fileprivate struct Fields {
    let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    /// The line's last field was taken.
    private(set) var isLineOver = false

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    /// Empty after the line's last.
    mutating func next() -> UnsafeBufferPointer<UInt8> {
      if isLineOver { return UnsafeBufferPointer(rebasing: bytes[0..<0]) }
      let start = position
      while position < bytes.count, bytes[position] != 0x09, bytes[position] != 0x0a {
        position += 1
      }
      isLineOver = position >= bytes.count || bytes[position] == 0x0a
      defer { position += 1 }
      return UnsafeBufferPointer(rebasing: bytes[start..<position])
    }

    mutating func text() -> String { String(decoding: next(), as: UTF8.self) }

    mutating func number() -> UInt64? {
      let digits = next()
      guard (1...19).contains(digits.count) else { return nil }
      var value: UInt64 = 0
      for digit in digits {
        guard (0x30...0x39).contains(digit) else { return nil }
        value = value * 10 + UInt64(digit - 0x30)
      }
      return value
    }

    mutating func nextLine() {
      while !isLineOver { _ = next() }
      isLineOver = false
    }
  }

  private(set) var entries: [String: (stamp: Stamp, summary: NetworkSummary)] = [:]

  private static let title = Array("swrun networks 1\n".utf8)

  init() {}

  /// From a file's bytes: a first line that names the layout, a line for each network, and a last one
  /// with the fingerprint of all before it. Anything else is an index without entries.
  init(_ bytes: [UInt8]) {
    guard bytes.count > Self.title.count + 17, bytes.starts(with: Self.title) else { return }
    let body = bytes.dropLast(17)
    guard bytes.suffix(17).dropLast().elementsEqual(Self.seal(Array(body)).utf8) else { return }
    body.dropFirst(Self.title.count).withUnsafeBufferPointer { body in
      entries.reserveCapacity(body.count / 80)
      var fields = Fields(body)
      while !fields.isAtEnd {
        if let stamp = Stamp(&fields), !fields.isLineOver {
          let summary = NetworkSummary(&fields)
          entries[summary.name] = (stamp, summary)
        }
        fields.nextLine()
      }
    }
  }

  /// A text that would break a line is not written: its network is read each time.
  mutating func add(_ summary: NetworkSummary, _ stamp: Stamp) {
    let texts = [summary.created] + summary.labels.flatMap { [$0.key, $0.value] }
    guard texts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 } }) else { return }
    entries[summary.name] = (stamp, summary)
  }

  var bytes: [UInt8] {
    var text = ""
    for (_, (stamp, summary)) in entries.sorted(by: { $0.key < $1.key }) {
      text += "\(stamp.inode)\t\(stamp.size)\t\(stamp.changed)\t\(summary.name)\t\(summary.driver)"
      text += "\t\(summary.network)\t\(summary.parent)\t\(summary.subnets.joined(separator: ","))"
      text += "\t\(summary.created)"
      for label in summary.labels.sorted(by: { $0.key < $1.key }) {
        text += "\t\(label.key)=\(label.value)"
      }
      text += "\n"
    }
    let body = Self.title + Array(text.utf8)
    return body + Array("\(Self.seal(body))\n".utf8)
  }

  /// 16 hex digits.
  private static func seal(_ bytes: [UInt8]) -> String {
    let digits = String(fingerprint(bytes), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension NetworkSummary {
  /// From a line of an index, after the stamp.
  fileprivate init(_ fields: inout NetworkIndex.Fields) {
    name = fields.text()
    driver = fields.text()
    network = fields.text()
    parent = fields.text()
    subnets = fields.next().split(separator: 0x2c).map { String(decoding: $0, as: UTF8.self) }
    created = fields.text()
    var labels: [String: String] = [:]
    while !fields.isLineOver {
      let (key, value) = NetworkDefinition.pair(fields.text())
      labels[key] = value
    }
    self.labels = labels
  }
}

extension NetworkStore {
  /// The summaries of all networks in the order of their names, and a line for each file that is not
  /// one.
  public func summaries() -> (networks: [NetworkSummary], faults: [String]) {
    let place = "\(directory)/networks"
    let files: [String]
    let open: Descriptor
    do {
      files = try directoryNames(place)
      if files.isEmpty { return ([], []) }
      open = try Descriptor.open(place, O_RDONLY | O_DIRECTORY)
    } catch {
      return ([], ["\(place) cannot be read: \(error.errno)"])
    }
    let former = (try? readFile("\(place)/index")) ?? []
    let known = NetworkIndex(former)
    var seen: [(stamp: NetworkIndex.Stamp, summary: NetworkSummary)] = []
    seen.reserveCapacity(files.count)
    var faults: [String] = []
    var isCurrent = true
    for file in files {
      guard let name = Self.name(of: file) else { continue }
      // Looked at before it is read: what changes in between is seen the next time.
      guard let stamp = NetworkIndex.Stamp(file, in: open.fd.rawValue) else { continue }
      if let entry = known.entries[name], entry.stamp == stamp {
        seen.append(entry)
        continue
      }
      isCurrent = false
      do { seen.append((stamp, NetworkSummary(try read(name)))) } catch {
        faults.append("\(error)")
      }
    }
    if !isCurrent || seen.count != known.entries.count {
      var index = NetworkIndex()
      for (stamp, summary) in seen { index.add(summary, stamp) }
      let bytes = index.bytes
      // Who may only read goes without.
      if bytes != former { try? writeAtomically(bytes, to: "\(place)/index") }
    }
    return (seen.map(\.summary), faults)
  }
}
