/// Arguments that mean something to those who read command lines from files.
public enum HostileWords {
  public static let all = [
    "a b", "100%", "%n %i %%", "$HOME ${X} $$", "\"quoted\"", "'single'", "back\\slash\\", "\\n",
    "two\nlines", "\nExecStartPre=/bin/false", ";", "\\;", "#", "tab\t", "ä€😀", "", "-x", "--",
    "@+!-:|",
    "\u{1}\u{7f}", " ", "x\\", "[Service]", "~", "*", "{a,b}",
  ]
}
