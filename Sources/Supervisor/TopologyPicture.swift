/// A ``Topology`` as a picture in SVG 1.1, which needs nothing beside it and follows the reader's light
/// or dark colours.
public struct TopologyPicture {
  private var body: [String] = []
  private var height = 0

  // Pixels.
  private static let width = 960
  private static let margin = 24
  private static let line = 18
  private static let gap = 16
  /// A sans-serif letter of 13 pixels is no wider.
  private static let letter = 8

  public static func draw(_ topology: Topology) -> String {
    var picture = TopologyPicture()
    picture.drawHost(topology)
    let size =
      "width=\"\(width)\" height=\"\(picture.height)\" viewBox=\"0 0 \(width) \(picture.height)\""
    let style = """
      <style>
      text { font: 13px sans-serif; fill: #1b1f24 } .title { font-weight: bold } .dim { fill: #59636e }
      .host { fill: #f6f8fa; stroke: #8c959f } .parent { fill: #ddf4ff; stroke: #0969da }
      .slave { fill: #ffffff; stroke: #1a7f37 } .lost { stroke: #cf222e; stroke-dasharray: 4 3 }
      path { stroke: #59636e; fill: none; stroke-width: 1.5 }
      @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .dim { fill: #9198a1 } .host { fill: #151b23; stroke: #656c76 }
      .parent { fill: #0c2d6b; stroke: #4493f8 } .slave { fill: #0d1117; stroke: #3fb950 }
      .lost { stroke: #f85149 } path { stroke: #9198a1 } }
      </style>
      """
    return
      "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size)>\n<title>Network of \(escaped(topology.host))</title>\n"
      + style + picture.body.joined() + "</svg>\n"
  }

  private mutating func drawHost(_ topology: Topology) {
    let left = Self.margin * 2
    var top = Self.margin + 34
    var inside = TopologyPicture()
    for parent in topology.parents {
      top = inside.draw(parent, left: left, top: top) + Self.gap * 2
    }
    if topology.parents.isEmpty {
      inside.text("no interface carries a slave", left, top + 14, "dim")
      top += Self.line + Self.gap
    }
    for other in topology.others {
      inside.text("\(other.name)  (network: \(other.network))", left, top + 14, "dim")
      top += Self.line
    }
    let bottom = top + Self.gap / 2
    rectangle(Self.margin, Self.margin, Self.width - 2 * Self.margin, bottom - Self.margin, "host")
    text(topology.host, left, Self.margin + 22, "title")
    body += inside.body
    height = bottom + Self.margin
  }

  /// - Returns: where its last row of boxes ends.
  private mutating func draw(_ parent: Topology.Parent, left: Int, top: Int) -> Int {
    let room = Self.width - 2 * left
    let title = Self.cut(parent.title, to: room - 24)
    let titleWidth = title.count * Self.letter + 24
    rectangle(left, top, min(room, titleWidth), 28, parent.isUp ? "parent" : "parent lost")
    text(title, left + 12, top + 19, "title")
    let widest = parent.slaves.flatMap(\.lines).map(\.count).max() ?? 0
    let boxWidth = min(room - 24, widest * Self.letter + 24)
    let perRow = max(1, (room - 24 + Self.gap) / (boxWidth + Self.gap))
    let rowHeight = (parent.slaves.map(\.lines.count).max() ?? 0) * Self.line + 14
    let trunk = left + 12
    var end = top + 28
    for (position, slave) in parent.slaves.enumerated() {
      let (row, column) = position.quotientAndRemainder(dividingBy: perRow)
      let x = left + 24 + column * (boxWidth + Self.gap)
      let y = top + 28 + 28 + row * (rowHeight + 28)
      let middle = x + boxWidth / 2
      body.append("<path d=\"M\(trunk) \(top + 28)V\(y - 14)H\(middle)V\(y)\"/>\n")
      rectangle(x, y, boxWidth, rowHeight, slave.fault == nil ? "slave" : "slave lost")
      for (number, line) in slave.lines.enumerated() {
        text(
          Self.cut(line, to: boxWidth - 24), x + 12, y + 20 + number * Self.line,
          number == 0 ? "title" : "")
      }
      end = y + rowHeight
    }
    return end
  }

  private mutating func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ kind: String) {
    body.append(
      "<rect class=\"\(kind)\" x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" rx=\"6\"/>\n"
    )
  }

  private mutating func text(_ text: String, _ x: Int, _ y: Int, _ kind: String) {
    body.append("<text class=\"\(kind)\" x=\"\(x)\" y=\"\(y)\">\(Self.escaped(text))</text>\n")
  }

  private static func cut(_ text: String, to width: Int) -> String {
    let most = max(1, width / letter)
    return text.count <= most ? text : text.prefix(most - 1) + "…"
  }

  /// XML 1.0 has five characters that mean something else, and allows no control characters.
  private static func escaped(_ text: String) -> String {
    text.map { character -> String in
      switch character {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&apos;"
      default:
        character.unicodeScalars.allSatisfy {
          $0.value >= 0x20 && $0.value != 0xfffe && $0.value != 0xffff
        }
          ? String(character) : " "
      }
    }.joined()
  }
}
