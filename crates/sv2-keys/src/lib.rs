//! Key slots of the stream_v2 format: passphrases, age recipients and identities
