package command

import "strings"

// helpWidth is how wide a line of help gets before it is broken.
const helpWidth = 76

// cmdHelp answers HELP of any container command from the table: each subcommand
// with its arguments, and what it does.
func cmdHelp(c *Ctx) {
	container := c.cmd.Parent
	name := upper(container.Name)
	lines := []string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	if commands.byID[container.ID].run != nil {
		lines = append(lines, "(no subcommand)", "    "+container.Summary)
	}
	for _, sub := range container.Subcommands {
		if commands.byID[sub.ID] == nil || sub == c.cmd.Command {
			continue
		}
		lines = appendWrapped(lines, strings.TrimPrefix(sub.Usage(), name+" "))
		lines = append(lines, "    "+sub.Summary)
	}
	lines = append(lines, "HELP", "    Prints this help.")
	c.Out.ArrayHeader(len(lines))
	for _, line := range lines {
		c.Out.SimpleString(line)
	}
}

// appendWrapped appends text as lines of at most helpWidth, broken at spaces.
// Lines after the first are indented by two steps: a description has one.
func appendWrapped(lines []string, text string) []string {
	const indent = "        "
	for len(text) > helpWidth {
		cut := strings.LastIndexByte(text[:helpWidth], ' ')
		if cut <= len(indent) {
			break
		}
		lines = append(lines, text[:cut])
		text = indent + text[cut+1:]
	}
	return append(lines, text)
}
