package threading

// Save writes a database file: see [Persistent].
func (c *Core) Save(path string) error {
	x := c.Own()
	if x == nil {
		return ErrClosed
	}
	defer c.ReleaseSet(x)
	return x.SaveFile(path)
}

// Load reads a database file: see [Persistent].
func (c *Core) Load(path string) error {
	x := c.Own()
	if x == nil {
		return ErrClosed
	}
	defer c.ReleaseSet(x)
	return x.LoadFile(path)
}

var _ Persistent = (*Core)(nil)
