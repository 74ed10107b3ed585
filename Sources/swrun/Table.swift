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
    let widths = rows.map { $0.map(Self.width) }
    let widest = rows[0].indices.map { column in widths.reduce(0) { max($0, $1[column]) } }
    var text: [UInt8] = []
    for (row, widths) in zip(rows, widths) {
      for (column, cell) in row.enumerated() {
        text += cell.utf8
        if column + 1 < row.count {
          let blanks = widest[column] - widths[column] + 2
          text += repeatElement(UInt8(ascii: " "), count: blanks)
        }
      }
      text.append(UInt8(ascii: "\n"))
    }
    return String(decoding: text, as: UTF8.self)
  }
}
