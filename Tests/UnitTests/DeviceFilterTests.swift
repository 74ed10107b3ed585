import Testing

@testable import Linux
@testable import OCI
@testable import Sandbox

/// A machine for the few instructions that the filter is made of, as the kernel would run it.
private func runProgram(
  _ program: [UInt64], kind: UInt32, access: UInt32, major: UInt32, minor: UInt32
) throws -> Bool {
  var registers = [UInt32](repeating: 0, count: 11)
  let context: [UInt32] = [access << 16 | kind, major, minor]
  var counter = 0
  while counter < program.count {
    let word = program[counter]
    let to = Int(word >> 8 & 0xf)
    let from = Int(word >> 12 & 0xf)
    let offset = Int(Int16(truncatingIfNeeded: word >> 16))
    let value = UInt32(truncatingIfNeeded: word >> 32)
    counter += 1
    switch word & 0xff {
    case 0x61:
      try #require(from == 1)
      registers[to] = context[offset / 4]
    case 0xbc: registers[to] = registers[from]
    case 0xb4: registers[to] = value
    case 0x54: registers[to] &= value
    case 0x5c: registers[to] &= registers[from]
    case 0x44: registers[to] |= value
    case 0xa4: registers[to] ^= value
    case 0x74: registers[to] >>= value
    case 0x56: if registers[to] != value { counter += offset }
    case 0x16: if registers[to] == value { counter += offset }
    case 0x95: return registers[0] == 1
    default: Issue.record("unknown instruction \(String(word, radix: 16))")
    }
  }
  Issue.record("the program has no end")
  return false
}

@Suite("the filter of devices")
struct DeviceFilterTests {
  private func lets(
    _ filter: DeviceFilter, _ kind: DeviceFilter.Kind, _ major: UInt32, _ minor: UInt32,
    _ access: DeviceFilter.Access
  ) throws -> Bool {
    try runProgram(
      filter.program, kind: UInt32(kind.rawValue), access: UInt32(access.rawValue), major: major,
      minor: minor)
  }

  @Test("a workload may use the standard devices and no other")
  func standard() throws {
    let filter = try DeviceFilter([], nodes: [])
    #expect(try lets(filter, .character, 1, 3, .all))
    #expect(try lets(filter, .character, 5, 0, [.read, .write]))
    #expect(try lets(filter, .character, 136, 77, .read))
    #expect(try !lets(filter, .character, 1, 1, .read))
    #expect(try !lets(filter, .block, 1, 3, .read))
    #expect(try !lets(filter, .block, 8, 0, .make))
    #expect(try !lets(filter, .block, 8, 0, .read))
    #expect(!filter.allowsAll)
  }

  @Test("rules are gone through in order, each kind of access by itself")
  func order() throws {
    let filter = try DeviceFilter(
      [
        .init(allow: true, type: "b", major: 8, access: "rw"),
        .init(allow: false, type: "b", major: 8, minor: 1, access: "w"),
        .init(allow: true, type: "b", major: 9, minor: 0, access: "r"),
        .init(allow: true, type: "b", major: 9, minor: 0, access: "w"),
      ], nodes: [])
    #expect(try lets(filter, .block, 8, 0, [.read, .write]))
    #expect(try lets(filter, .block, 8, 1, .read))
    #expect(try !lets(filter, .block, 8, 1, [.read, .write]))
    #expect(try !lets(filter, .block, 8, 0, .make))
    // Let through by two rules together.
    #expect(try lets(filter, .block, 9, 0, [.read, .write]))
    #expect(try !lets(filter, .block, 9, 1, .read))
  }

  @Test("to deny all, as bundles begin, leaves the standard devices; to allow all needs no filter")
  func all() throws {
    let denied = try DeviceFilter([.init(allow: false, access: "rwm")], nodes: [])
    #expect(try lets(denied, .character, 1, 3, .read))
    #expect(try !lets(denied, .character, 10, 200, .read))
    let allowed = try DeviceFilter([.init(allow: true)], nodes: [])
    #expect(allowed.allowsAll)
    #expect(try lets(allowed, .block, 8, 0, .all))
    let but = try DeviceFilter(
      [.init(allow: true), .init(allow: false, type: "b", major: 8, minor: -1, access: "w")],
      nodes: [])
    #expect(!but.allowsAll)
    #expect(try !lets(but, .block, 8, 3, .write))
    #expect(try lets(but, .block, 8, 3, .read))
  }

  @Test("a device that is to be there can be made, and used as its rule says")
  func nodes() throws {
    let device = Spec.Device(
      path: "/dev/net/tun", type: "c", major: 10, minor: 200, fileMode: nil, uid: nil, gid: nil)
    let filter = try DeviceFilter(
      [.init(allow: true, type: "c", major: 10, minor: 200, access: "r")], nodes: [device])
    #expect(try lets(filter, .character, 10, 200, .make))
    #expect(try lets(filter, .character, 10, 200, .read))
    #expect(try !lets(filter, .character, 10, 200, .write))
  }

  @Test("the program is what it was, byte for byte")
  func bytes() {
    let filter = DeviceFilter([
      .init(allows: true, kind: .character, major: 1, minor: 3, access: [.read, .write])
    ])
    #expect(
      filter.program == [
        0x0000_0000_0000_1261, 0x0000_0000_0000_23bc, 0x0000_ffff_0000_0254,
        0x0000_0010_0000_0374, 0x0000_0000_0004_1461, 0x0000_0000_0008_1561,
        0x0000_0000_0000_06b4, 0x0000_0002_0003_0256, 0x0000_0001_0002_0456,
        0x0000_0003_0001_0556, 0x0000_0006_0000_0644, 0xffff_ffff_0000_06a4,
        0x0000_0000_0000_635c, 0x0000_0001_0000_00b4, 0x0000_0000_0001_0316,
        0x0000_0000_0000_00b4, 0x95,
      ])
  }

  @Test("--device and --device-cgroup-rule are read as Docker reads them")
  func options() throws {
    let plain = try DeviceRequest(parsing: "/dev/null")
    #expect(plain.destination == "/dev/null" && plain.access == "rwm")
    let access = try DeviceRequest(parsing: "/dev/null:r")
    #expect(access.destination == "/dev/null" && access.access == "r")
    let whole = try DeviceRequest(parsing: "/dev/null:/dev/x:rw")
    #expect(whole.source == "/dev/null" && whole.destination == "/dev/x" && whole.access == "rw")
    for text in ["null", "/dev/null:x", "/dev/null:/x:q", "/dev/null:/x:rw:", "/dev/null:/x:"] {
      #expect(throws: SandboxError.self) { try DeviceRequest(parsing: text) }
    }
    let rule = try DeviceRequest.rule(parsing: "b 8:* rw")
    #expect(rule == .init(allow: true, type: "b", major: 8, minor: nil, access: "rw"))
    for text in ["b 8 r", "d 1:1 r", "b 8:* x", "b *:x r", ""] {
      #expect(throws: SandboxError.self) { try DeviceRequest.rule(parsing: text) }
    }
    let (node, found) = try whole.resolved()
    #expect(node.major == 1 && node.minor == 3 && node.type == "c" && node.path == "/dev/x")
    #expect(found.access == "rw" && found.major == 1)
  }
}
