import ArgumentParser

/// `--format` as docker-ps(1) has it: text with `{{.Field}}`; with `table ` before it, columns with a
/// header, which lie between tabs.
///
/// Of Go's templates it has fields, `{{.Label "key"}}` and `{{json .}}`.
struct RowTemplate<Row> {
  /// What can be asked for of a row.
  struct Field {
    /// As the template has it: `CreatedAt`.
    let name: String
    let value: (Row) throws -> String

    init(_ name: String, _ value: @escaping (Row) throws -> String) {
      self.name = name
      self.value = value
    }

    /// `CREATED AT`
    var title: String {
      var title = ""
      var wasLower = false
      for letter in name {
        if letter.isUppercase, wasLower { title += " " }
        wasLower = letter.isLowercase
        title += letter.uppercased()
      }
      return title
    }
  }

  private enum Part {
    case text(String)
    case field(Field)
  }

  private let hasHeader: Bool
  private let parts: [Part]

  /// - Parameters:
  ///   - fields: those that there are.
  ///   - labels: of a row; `nil` where rows have none.
  ///   - json: a row as JSON in one line.
  /// - Throws: what is wrong in the template, with the fields that there are.
  init(
    parsing text: String, fields: [Field], labels: ((Row) -> [String: String])?,
    json: @escaping (Row) throws -> String
  ) throws {
    hasHeader = text.hasPrefix("table ")
    guard text.contains("{{") else {
      throw ValidationError(
        "--format \(text.debugDescription)\(didYouMean(text, ["table", "json"])): it is table, json, or a template such as \"{{.ID}} {{.\(fields.last?.name ?? "ID")}}\""
      )
    }
    var parts: [Part] = []
    var rest = Substring(hasHeader ? String(text.dropFirst(6)) : text)
    while let open = rest.firstRange(of: "{{") {
      parts.append(.text(Self.unescaped(rest[..<open.lowerBound])))
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
        throw ValidationError("--format \(text.debugDescription): a {{ has no }} behind it")
      }
      let words = rest[open.upperBound..<close.lowerBound].split(separator: " ").map(String.init)
      rest = rest[close.upperBound...]
      if words == ["json", "."] {
        parts.append(.field(Field("json", json)))
      } else if let labels, words.count == 2, words[0] == ".Label",
        let key = Self.unquoted(words[1])
      {
        parts.append(.field(Field(key) { printable(labels($0)[key] ?? "") }))
      } else if words.count == 1, let field = fields.first(where: { words[0] == ".\($0.name)" }) {
        parts.append(.field(field))
      } else {
        let names = fields.map { ".\($0.name)" }
        let label = labels == nil ? "" : ", .Label \"key\""
        throw ValidationError(
          "--format: unknown {{\(words.joined(separator: " "))}}\(didYouMean(words.first ?? "", names)): the fields are \(names.joined(separator: ", "))\(label), and json ."
        )
      }
    }
    self.parts = parts + [.text(Self.unescaped(rest))]
  }

  /// All rows, a line each.
  func text(_ rows: [Row]) throws -> String {
    let lines = try rows.map { row in
      try parts.map { part in
        switch part {
        case .text(let text): text
        case .field(let field): try field.value(row)
        }
      }.joined()
    }
    guard hasHeader else { return lines.map { "\($0)\n" }.joined() }
    let header = parts.map { part in
      switch part {
      case .text(let text): text
      case .field(let field): field.title
      }
    }.joined()
    func cells(_ line: String) -> [String] {
      line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    var table = Table(cells(header))
    for line in lines { table.add(cells(line)) }
    return table.text
  }

  /// Shells hand `\t` and `\n` on as they are.
  private static func unescaped(_ text: Substring) -> String {
    String(text.replacing("\\t", with: "\t").replacing("\\n", with: "\n"))
  }

  private static func unquoted(_ word: String) -> String? {
    guard word.count > 2, let quote = word.first, quote == "\"" || quote == "`",
      word.last == quote
    else { return nil }
    return String(word.dropFirst().dropLast())
  }
}
