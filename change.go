package cookiesession

import (
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// change is one write to the data, as a value. So what was written while the
// visitor might not be remembered can be written again, on top of the stored
// data, when permission comes.
type change struct {
	kind   changeKind
	key    string         // of a set and a delete; the name of metadata
	at     wire.Place     // of a set: where the key is, or belongs
	raw    []byte         // of a set and of metadata: the encoded value; nil takes metadata away
	values wire.Pairs     // of an update
	expiry payload.Expiry // of an expire
	id     payload.ID     // of a cycle
}

type changeKind uint8

const (
	changeSet changeKind = iota
	changeUpdate
	changeDelete
	changeClear
	changeExpire
	changeCycle
	changeMetadata
	changeMark // counts as a write, and changes nothing
)

// apply makes the change to d.
func (c *change) apply(d *payload.Data) {
	switch c.kind {
	case changeSet:
		d.Values = d.Values.Put(c.at, c.key, c.raw)
	case changeUpdate:
		d.Values = d.Values.Merge(c.values)
	case changeDelete:
		d.Values = d.Values.Without(c.key)
	case changeClear:
		d.Values, d.Expiry = wire.Pairs{}, payload.Expiry{}
	case changeExpire:
		d.Expiry = c.expiry
	case changeCycle:
		d.ID = c.id
	case changeMetadata:
		if c.raw == nil {
			d.Metadata = d.Metadata.Without(c.key)
		} else {
			d.Metadata = d.Metadata.With(c.key, c.raw)
		}
	}
}
