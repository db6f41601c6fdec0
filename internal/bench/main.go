package main

import "fmt"

func contenders() []contender {
	return []contender{newGorillaSessions(), newSCSMemory(), newHandMade()}
}
func floors() []floor { return []floor{newPrimitives(), newRawSecurecookie()} }
func main() {
	for _, k := range []int{0, 16} {
		for _, c := range contenders() {
			ck, err := start(c, session(k))
			fmt.Println(c.name(), err, cookieBytes(ck))
		}
	}
}
