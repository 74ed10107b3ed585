/// A ``Topology`` as a picture of box-drawing characters.
public struct TopologyText {
  /// Columns of the terminal.
  private let width: Int
  private var lines: [String] = []

  /// More slaves of one parent than these are summed up.
  private static let mostSlaves = 200

  /// - Parameter width: columns, at least 40.
  public static func draw(_ topology: Topology, width: Int) -> String {
    var picture = TopologyText(width: max(40, width))
    picture.drawHost(topology)
    return picture.lines.map { $0 + "\n" }.joined()
  }

  private init(width: Int) { self.width = width }

  private var inner: Int { width - 4 }

  private mutating func drawHost(_ topology: Topology) {
    let title = " \(Self.cut(Self.plain(topology.host), to: width - 8)) "
    lines.append("┌─" + title + String(repeating: "─", count: width - 3 - title.count) + "┐")
    for (position, parent) in topology.parents.enumerated() {
      if position > 0 { put("") }
      draw(parent)
    }
    if topology.parents.isEmpty { put("no interface carries a slave") }
    if !topology.others.isEmpty {
      put("")
      for other in topology.others {
        put("\(Self.plain(other.name))  (network: \(Self.plain(other.network)))")
      }
    }
    lines.append("└" + String(repeating: "─", count: width - 2) + "┘")
  }

  private mutating func put(_ text: String) {
    let fitting = Self.cut(text, to: inner)
    lines.append("│ " + fitting + String(repeating: " ", count: inner - fitting.count) + " │")
  }

  /// The parent's line, and under it rows of boxes that hang on a line from it.
  private mutating func draw(_ parent: Topology.Parent) {
    put("■ " + Self.plain(parent.title))
    let shown = parent.slaves.prefix(Self.mostSlaves)
    let boxes = shown.map { $0.lines.map(Self.plain) }
    let widest = boxes.joined().map(\.count).max() ?? 0
    let boxWidth = min(widest, inner - 8)
    // Two columns for the trunk, and one between boxes; a box has four of its own.
    let perRow = max(1, (inner - 2) / (boxWidth + 5))
    let rows = stride(from: 0, to: boxes.count, by: perRow).map {
      Array(boxes[$0..<min($0 + perRow, boxes.count)])
    }
    let rest = parent.slaves.count - shown.count
    for (number, row) in rows.enumerated() {
      draw(row, boxWidth: boxWidth, isLast: number + 1 == rows.count && rest == 0)
    }
    if rest > 0 { put("└ and \(rest) more") }
  }

  private mutating func draw(_ row: [[String]], boxWidth: Int, isLast: Bool) {
    let trunk = isLast ? "  " : "│ "
    let middle = (boxWidth + 4) / 2
    // The line from which the boxes hang: from the trunk to the last box's middle.
    var branch = isLast ? "└─" : "├─"
    for index in row.indices {
      let end = index + 1 == row.count
      branch += String(repeating: "─", count: middle) + (end ? "┐" : "┬")
      if !end { branch += String(repeating: "─", count: boxWidth + 4 - middle) }
    }
    put(branch)
    let edge = String(repeating: "─", count: boxWidth + 2)
    var top = Array(edge)
    top[middle - 1] = "┴"
    put(trunk + row.map { _ in "┌\(String(top))┐" }.joined(separator: " "))
    for line in 0..<(row.map(\.count).max() ?? 0) {
      put(
        trunk
          + row.map { box in
            let text = line < box.count ? Self.cut(box[line], to: boxWidth) : ""
            return "│ " + text + String(repeating: " ", count: boxWidth - text.count) + " │"
          }.joined(separator: " "))
    }
    put(trunk + row.map { _ in "└\(edge)┘" }.joined(separator: " "))
  }

  private static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
  }

  /// What a terminal would take for a command is shown as a question mark.
  private static func plain(_ text: String) -> String {
    String(
      text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f } ? $0 : "?" })
  }
}
