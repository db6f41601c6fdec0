package value

import (
	"reflect"

	"github.com/cookiesession/cookiesession/internal/shape"
)

// Into is Decode for a type that is known at run time only.
func Into(raw []byte, v reflect.Value) bool { return read(raw, shape.Of(v.Type()), v) }
