package command

// partialSort brings the elements of s that belong at the places first to last
// there, in order; those before and behind are on their side, in any order. What
// compares as equal ends up where Redis leaves it, which clients see in GEOSEARCH
// and SORT with a limit: so this is the sort that Redis has for it, the quicksort
// of Bentley and McIlroy ("Engineering a sort function", 1993), which leaves out
// the parts without a wanted place.
//
//	| = pivot | < pivot |  ?  | > pivot | = pivot |     while it partitions
//	           a         b   c           d
//
//	| < pivot |   = pivot   | > pivot |                 when the ends have been swapped in
//
// The pivot is the middle element of fewer than eight, the median of three up to
// forty, else the median of three such medians.
func partialSort[T any](s []T, first, last int, cmp func(a, b T) int) {
	for len(s) >= 7 {
		p := pivot(s, cmp)
		s[0], s[p] = s[p], s[0]
		a, b := 1, 1
		c, d := len(s)-1, len(s)-1
		for {
			for b <= c {
				order := cmp(s[b], s[0])
				if order > 0 {
					break
				}
				if order == 0 {
					s[a], s[b] = s[b], s[a]
					a++
				}
				b++
			}
			for b <= c {
				order := cmp(s[c], s[0])
				if order < 0 {
					break
				}
				if order == 0 {
					s[c], s[d] = s[d], s[c]
					d--
				}
				c--
			}
			if b > c {
				break
			}
			s[b], s[c] = s[c], s[b]
			b++
			c--
		}
		swapEnds(s[:b], a)
		swapEnds(s[b:], d-c)
		less, more := b-a, len(s)-(d-c)
		if less > 1 && first < less && last >= 0 {
			partialSort(s[:less], first, last, cmp)
		}
		if d-c <= 1 || last < more || first >= len(s) {
			return
		}
		s, first, last = s[more:], first-more, last-more
	}
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && cmp(s[j-1], s[j]) > 0; j-- {
			s[j-1], s[j] = s[j], s[j-1]
		}
	}
}

// swapEnds exchanges the first n elements of s with as many at its end, or, if
// fewer are behind those, as many as there are.
func swapEnds[T any](s []T, n int) {
	n = min(n, len(s)-n)
	for i, j := 0, len(s)-n; i < n; i, j = i+1, j+1 {
		s[i], s[j] = s[j], s[i]
	}
}

func pivot[T any](s []T, cmp func(a, b T) int) int {
	n := len(s)
	low, mid, high := 0, n/2, n-1
	if n == 7 {
		return mid
	}
	if n > 40 {
		d := n / 8
		low = median(s, low, low+d, low+2*d, cmp)
		mid = median(s, mid-d, mid, mid+d, cmp)
		high = median(s, high-2*d, high-d, high, cmp)
	}
	return median(s, low, mid, high, cmp)
}

// median returns that of three places whose element is neither least nor
// greatest.
func median[T any](s []T, a, b, c int, cmp func(a, b T) int) int {
	if cmp(s[a], s[b]) < 0 {
		switch {
		case cmp(s[b], s[c]) < 0:
			return b
		case cmp(s[a], s[c]) < 0:
			return c
		}
		return a
	}
	switch {
	case cmp(s[b], s[c]) > 0:
		return b
	case cmp(s[a], s[c]) < 0:
		return a
	}
	return c
}
