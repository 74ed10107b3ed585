import Linux
import Testing

@testable import OCI

/// swrun-bundle(5) has a table of every property of the specification. What the type has, what the
/// document with every property has, and what the table has, are the same.
@Suite("the table of the specification")
struct SpecTableTests {
  private static let document = "Tests/Fixtures/every-field.json"

  private func spec() throws -> Spec {
    try Spec(config: try readFile(Self.document), file: Self.document)
  }

  /// The properties of a value that have no properties themselves: `process.rlimits[].type`,
  /// `linux.sysctl.*`.
  private func leaves(_ value: Any, _ path: String) -> [String] {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional:
      guard let inner = mirror.children.first else {
        Issue.record("\(Self.document) has no \(path)")
        return []
      }
      return leaves(inner.value, path)
    case .collection:
      guard let first = mirror.children.first else {
        Issue.record("\(Self.document) has nothing in \(path)")
        return []
      }
      return leaves(first.value, "\(path)[]")
    case .dictionary:
      guard let first = mirror.children.first,
        let value = Mirror(reflecting: first.value).children.dropFirst().first?.value
      else {
        Issue.record("\(Self.document) has nothing in \(path)")
        return []
      }
      return leaves(value, "\(path).*")
    case .struct
    where !(value is String) && !mirror.children.isEmpty && !(value is any BinaryInteger):
      if let wrapped = mirror.children.first, wrapped.label == "wrappedValue" {
        return leaves(wrapped.value, path)
      }
      return mirror.children.flatMap { child in
        let label = child.label ?? ""
        let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
        return leaves(child.value, path.isEmpty ? name : "\(path).\(name)")
      }
    default: return [path]
    }
  }

  private struct Row {
    let isDone: Bool
    let text: String
  }

  /// The rows of the manual: the property, `yes` or `no`, and a text.
  private func table() throws -> [String: Row] {
    var rows: [String: Row] = [:]
    for line in try readText("man/swrun-bundle.5").replacing("\\-", with: "-").split(
      separator: "\n")
    {
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard cells.count == 3, ["yes", "no"].contains(cells[1]) else { continue }
      #expect(rows[cells[0]] == nil, "\(cells[0]) is in the table twice")
      #expect(!cells[2].isEmpty, "\(cells[0])")
      rows[cells[0]] = Row(isDone: cells[1] == "yes", text: cells[2])
    }
    return rows
  }

  @Test("has a row for each property, and no other")
  func complete() throws {
    let properties = Set(leaves(try spec(), ""))
    #expect(properties.count > 150)
    let rows = Set(try table().keys)
    #expect(properties.subtracting(rows).sorted() == [], "not in man/swrun-bundle.5")
    #expect(rows.subtracting(properties).sorted() == [], "not in the specification")
  }

  @Test("says no where swrun refuses, and yes where it does not")
  func truthful() throws {
    let refused = try spec().faults().map(\.path).map { path in
      path.replacing(#/\[\d+\]/#, with: "[]")
    }
    for (property, row) in try table() {
      let isRefused = refused.contains {
        property == $0 || property.hasPrefix("\($0).") || property.hasPrefix("\($0)[")
      }
      if isRefused { #expect(!row.isDone, "\(property) is refused; say no and why") }
      // What a later step than the check refuses is named in the text.
      if !row.isDone, !row.text.hasPrefix("cgroup v2") {
        #expect(isRefused, "\(property) is not refused; say yes")
      }
    }
  }

  @Test("names tests that there are")
  func tests() throws {
    let suites = try ["UnitTests", "RootTests", "GuestTests"].flatMap { tier in
      try directoryNames("Tests/\(tier)").filter { $0.hasSuffix(".swift") }.map {
        try readText("Tests/\(tier)/\($0)")
      }
    }.joined()
    for (property, row) in try table() where row.isDone {
      #expect(
        suites.contains("@Suite(\"\(row.text)\""), "\(property): no suite is called \(row.text)")
    }
  }
}
