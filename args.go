package redweave

import (
	"encoding"
	"fmt"
	"strconv"
	"time"
)

// setArgs renders args into the caller's buffers, which the next call reuses.
func (c *caller) setArgs(args []any) error {
	c.args, c.text = c.args[:0], c.text[:0]
	for _, a := range args {
		switch v := a.(type) {
		case []byte:
			c.args = append(c.args, v)
			continue
		case string:
			c.args = append(c.args, bytesOf(v))
			continue
		}
		start := len(c.text)
		text, err := appendText(c.text, a)
		if err != nil {
			return err
		}
		// Growing moves the buffer, but not the bytes earlier arguments
		// point to.
		c.text = text
		c.args = append(c.args, text[start:len(text):len(text)])
	}
	return nil
}

// appendText appends an argument that is neither string nor bytes.
func appendText(b []byte, a any) ([]byte, error) {
	switch v := a.(type) {
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case bool:
		if v {
			return append(b, '1'), nil
		}
		return append(b, '0'), nil
	case time.Duration:
		return nil, fmt.Errorf("redweave: a duration (%v) is no argument: say v.Seconds() or v.Milliseconds()", v)
	case encoding.TextAppender:
		return v.AppendText(b)
	case fmt.Stringer:
		return append(b, v.String()...), nil
	case int8, int16, uint, uint8, uint16, uint32, float32:
		return fmt.Append(b, v), nil
	}
	return nil, fmt.Errorf("redweave: an argument of type %T: want a string, []byte, number, bool, or what has a text form", a)
}
