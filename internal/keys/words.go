package keys

// isWords reports whether the letters of a text follow one another as they do
// in English. A person has made up such a text, and somebody else can guess it.
// "my-very-secret-session-key-for-the-web-app-2024" is base64 of 35 bytes, so
// nothing else would stop it.
//
// The score of a text is how many bits likelier its letters are in English than
// at random. Case, digits and separators do not count: a random text has any
// pattern of them, depending on the program that made it. A text without
// capital letters may be a random one in base32, for example.
//
// TestWordsAreFoundAndRandomSecretsAreNot has measured what it is worth. Of 1,000
// passphrases that are made of the words in this repository's documents, 954
// are refused. Of 1,000 made of the words that secrets in tutorials have, 926.
// Of 1,000,000 random secrets, none.
func isWords(text []byte) bool {
	score, hex := 0, true
	row, before := letterScores[0], byte(0)
	for _, c := range text {
		letter := c | 0x20 // in lower case
		if letter < 'a' || letter > 'z' {
			row, before = letterScores[0], c
			continue
		}
		if c != letter && before >= 'a' { // "SecretKey" is two words
			row = letterScores[0]
		}
		score += int(row[letter-'a']) - '6'
		row, before = letterScores[1+letter-'a'], c
		hex = hex && letter <= 'f'
	}
	// Six letters alone follow one another as in English too often, and no
	// passphrase has only these.
	return score >= minWordScore && !hex
}

// minWordScore is in bits. A random text reaches it less than once in 2^20, see
// letterScores. Of 40,000,000 random texts of 43 characters two had 18 bits or
// more, none had 20.
const minWordScore = 20

// letterScores has a row for the first letter of a word, then a row for the
// letter that follows an a, a b and so on. The column is the letter. The digit
// minus 6 is the score in bits. The digits come from the 790,000 words in the
// comments of Go's standard library.
//
// In every row the sum of 2^score is at most 26. So each random letter
// multiplies 2^score by at most 1 on average. By Markov's inequality a random text of
// any length has n bits or more less than once in 2^n.
var letterScores = [27]string{
	"76756654712566761778556102", // first
	"25762462624868252778452352", // behind a
	"63329222752822722454722282", // behind b
	"82528247627632832548622232", // behind c
	"73479432832533732673733252", // behind d
	"62685542322668254887244531", // behind e
	"62246722822633922755722242", // behind f
	"52428248722537932665632222", // behind g
	"92229222822242722437422232", // behind h
	"54655662223769742587252324", // behind i
	"62349432523333742383933222", // behind j
	"83429352822337342283423232", // behind k
	"62269332812822731366633162", // behind l
	"86249222723363782253722222", // behind m
	"63687482624434732288442242", // behind n
	"44674742524678562856765222", // behind o
	"82348224623722862867622242", // behind p
	"22333322222532332553922223", // behind q
	"73659552724457732666663252", // behind r
	"62529326724534762378623262", // behind s
	"72428229722432742675624262", // behind t
	"55657542622768362887222323", // behind u
	"92339333822333633333332333", // behind v
	"72228228922425722753224222", // behind w
	"72628623722332392228222452", // behind x
	"32425222622876592387223223", // behind y
	"83349334722444742343333347", // behind z
}
