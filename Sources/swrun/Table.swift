/// Text in columns that line up, two blanks apart, as wide as their widest entry.
struct Table {
  private var rows: [[String]]

  /// Characters; of plain ASCII they are the bytes, which takes no looking at each.
  private static func width(_ cell: String) -> Int {
    cell.utf8.allSatisfy { $0 < 0x80 } ? cell.utf8.count : cell.count
  }

  init(_ header: [String]) { rows = [header] }

  mutating func add(_ row: [String]) { rows.append(row) }

  var text: String {
    var widths = [Int](repeating: 0, count: rows[0].count)
    for row in rows {
      for (column, cell) in row.enumerated() {
        widths[column] = max(widths[column], Self.width(cell))
      }
    }
    let blanks = String(repeating: " ", count: (widths.max() ?? 0) + 2)
    var text = ""
    for row in rows {
      for (column, cell) in row.enumerated() {
        text += cell
        if column + 1 < row.count {
          text += blanks.prefix(widths[column] - Self.width(cell) + 2)
        }
      }
      text += "\n"
    }
    return text
  }
}
