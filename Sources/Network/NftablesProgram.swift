import Glibc
import Linux
import SystemPackage

/// nft(8), which is the kernel's own way to change its rules as text.
public enum NftablesProgram {
  /// Makes all of a change, or nothing of it.
  ///
  /// - Throws: that there is no nft, or what it says.
  static func apply(_ text: String) throws {
    let program = try path()
    let input = try DescriptorPair.pipe()
    let errors = try DescriptorPair.pipe()
    let null = try Descriptor.null()
    let pid = try spawn(
      program, ["nft", "-f", "-"], input: input.first.fd, output: null.fd, errors: errors.second.fd)
    let writer = input.second
    let reader = errors.first
    // Our own copies of the program's ends would keep it, and us, from seeing the other's end.
    _ = consume input.first
    _ = consume errors.second
    // It reads all before it says anything, and says little: neither waits for the other.
    let written = Result { try writer.fd.writeEverything(Array(text.utf8)) }
    _ = consume writer
    let said = (try? readFile(reader.fd, named: "nft", limit: 1 << 20)) ?? []
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0, case .success = written else {
      throw NetworkError("nft cannot change the host's rules: \(reason(said))")
    }
  }

  /// Chains at the forward hook whose policy is to drop, as `ip filter FORWARD`; `nil` where nft is not
  /// there to tell.
  public static func droppingForwardChains() -> [String]? {
    guard let program = try? path(), let pipe = try? DescriptorPair.pipe(),
      let null = try? Descriptor.null(),
      let pid = try? spawn(
        program, ["nft", "list", "chains"], input: null.fd, output: pipe.second.fd, errors: null.fd)
    else { return nil }
    let reader = pipe.first
    _ = consume pipe.second
    let said = (try? readFile(reader.fd, named: "nft", limit: 8 << 20)) ?? []
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status == 0 ? dropping(String(decoding: said, as: UTF8.self)) : nil
  }

  /// From what `nft list chains` prints.
  static func dropping(_ text: String) -> [String] {
    var found: [String] = []
    var table = ""
    var chain = ""
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      if words.count >= 3, words[0] == "table" { table = "\(words[1]) \(words[2])" }
      if words.count >= 2, words[0] == "chain" { chain = words[1] }
      if line.contains("hook forward"), line.contains("policy drop") {
        found.append("\(table) \(chain)")
      }
    }
    return found
  }

  /// The first thing that it has complained of, in one line.
  static func reason(_ said: [UInt8]) -> String {
    let text = String(decoding: said, as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    guard let line = lines.first else { return "it has ended without a word" }
    let plain = line.split(separator: "Error: ").last.map(String.init) ?? line
    if plain.contains("Operation not supported") || plain.contains("No such file or directory") {
      return
        "\(plain) (is nf_tables with NAT in this kernel? CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_FIB_INET)"
    }
    if plain.contains("Operation not permitted") { return "\(plain). Run swrun as root" }
    return plain
  }

  static func path() throws -> String {
    let given = getenv("PATH").map { String(cString: $0) } ?? ""
    let places = given.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/bin"]
    for place in places where place.hasPrefix("/") {
      if access("\(place)/nft", X_OK) == 0 { return "\(place)/nft" }
    }
    throw NetworkError(
      "a bridge needs the program nft, and there is none. Install it: apt-get install nftables")
  }
}
