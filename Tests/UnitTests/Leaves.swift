import Testing

/// The properties of a value that have no properties themselves: `process.rlimits[].type`,
/// `linux.sysctl.*`.
///
/// - Parameter document: what the value was read from, which is to have all of them.
func leaves(_ value: Any, _ path: String = "", in document: String) -> [String] {
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .optional:
    guard let inner = mirror.children.first else {
      Issue.record("\(document) has no \(path)")
      return []
    }
    return leaves(inner.value, path, in: document)
  case .collection:
    guard let first = mirror.children.first else {
      Issue.record("\(document) has nothing in \(path)")
      return []
    }
    return leaves(first.value, "\(path)[]", in: document)
  case .dictionary:
    guard let first = mirror.children.first,
      let value = Mirror(reflecting: first.value).children.dropFirst().first?.value
    else {
      Issue.record("\(document) has nothing in \(path)")
      return []
    }
    return leaves(value, "\(path).*", in: document)
  case .struct
  where !(value is String) && !mirror.children.isEmpty && !(value is any BinaryInteger):
    if let wrapped = mirror.children.first, wrapped.label == "wrappedValue" {
      return leaves(wrapped.value, path, in: document)
    }
    return mirror.children.flatMap { child in
      let label = child.label ?? ""
      let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
      return leaves(child.value, path.isEmpty ? name : "\(path).\(name)", in: document)
    }
  default: return [path]
  }
}
