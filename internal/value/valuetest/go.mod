module github.com/cookiesession/cookiesession/internal/value/valuetest

go 1.26.0

require (
	cloud.google.com/go v0.123.0
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/cookiesession/cookiesession v0.0.0
	github.com/gofrs/uuid/v5 v5.5.1
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/google/uuid v1.6.0
	github.com/guregu/null/v6 v6.0.0
	github.com/hashicorp/go-version v1.9.0
	github.com/jackc/pgx/v5 v5.7.5
	github.com/lib/pq v1.12.3
	github.com/markbates/goth v1.82.0
	github.com/oklog/ulid/v2 v2.1.1
	github.com/pkg/errors v0.9.1
	github.com/rs/xid v1.6.0
	github.com/segmentio/ksuid v1.0.4
	github.com/shopspring/decimal v1.6.0
	github.com/sirupsen/logrus v1.9.3
	go.mongodb.org/mongo-driver/v2 v2.5.0
	go.uber.org/zap v1.28.0
	golang.org/x/oauth2 v0.36.0
	golang.org/x/text v0.43.0
	google.golang.org/protobuf v1.36.12
	gopkg.in/yaml.v3 v3.0.1
	gorm.io/gorm v1.25.12
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../../..
