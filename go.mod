module github.com/redweave/redweave

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/puzpuzpuz/xsync/v3 v3.5.1
	github.com/yuin/gopher-lua v1.1.2
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
)
