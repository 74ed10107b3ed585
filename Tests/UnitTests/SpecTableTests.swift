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
    let properties = Set(leaves(try spec(), in: Self.document))
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
