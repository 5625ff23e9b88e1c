//! Builds snapshots for tests, byte for byte as the contract has them. Not in a released build.
//!
//! A builder starts with the one group `default` that may call everything; the rest is added. Rows are plain structs, so that a test changes one
//! field and leaves the others as they are: `KeySpec { rpm: 60, ..KeySpec::new(1, 1) }`.

use crate::ids::{Digest, Id};

mod encode;

/// A snapshot or delta to be encoded.
#[derive(Clone, Debug)]
pub struct SnapshotBuilder {
    pub generation: u64,
    /// 0: a whole snapshot.
    pub base: u64,
    /// `None` is nil on the wire.
    pub groups: Option<Vec<GroupSpec>>,
    pub models: Option<Vec<ModelSpec>>,
    pub upstreams: Option<Vec<UpstreamSpec>>,
    pub accounts: Vec<AccountSpec>,
    pub keys: Vec<KeySpec>,
    pub gone: Vec<Digest>,
}

#[derive(Clone, Debug)]
pub struct GroupSpec {
    pub name: String,
    pub multiplier_micro: u64,
    pub models: Vec<String>,
    pub rpm: u32,
}

#[derive(Clone, Debug)]
pub struct ModelSpec {
    pub name: String,
    pub kind: u8,
    pub enabled: bool,
    pub free: bool,
    pub max_output: u64,
    pub bytes_per_token_milli: u32,
    pub price: Option<PriceSpec>,
    pub routes: Vec<RouteSpec>,
    pub rpm: u32,
}

#[derive(Clone, Debug)]
pub struct PriceSpec {
    pub id: Id,
    pub token_pico: [u64; 10],
    pub request_nano: u64,
    pub image_nano: u64,
    pub second_nano: u64,
    pub character_pico: u64,
}

#[derive(Clone, Debug)]
pub struct RouteSpec {
    pub upstream: String,
    pub upstream_model: String,
    pub priority: u16,
    pub weight: u16,
}

#[derive(Clone, Debug)]
pub struct UpstreamSpec {
    pub name: String,
    pub provider: u8,
    pub base_url: String,
    pub enabled: bool,
    pub private_address_allowed: bool,
    pub credentials: Vec<(Id, String)>,
    pub timeouts_ms: [u32; 6],
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct AccountSpec {
    pub id: Id,
    pub group: String,
    pub enabled: bool,
    pub rpm: u32,
    pub extra_groups: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct KeySpec {
    pub digest: Digest,
    pub id: Id,
    pub account: Id,
    pub enabled: bool,
    pub expires_s: u64,
    pub rpm: u32,
    pub tpm: u32,
    pub concurrency: u32,
    pub endpoints: u32,
    pub group: Option<String>,
    pub models: Option<Vec<String>>,
    pub networks: Option<Vec<String>>,
}

/// An id that a number stands for.
#[must_use]
pub const fn id(number: u64) -> Id {
    Id(((0x0190_0000_0000_u128 << 80) | number as u128).to_be_bytes())
}

/// A digest that a number stands for, spread as real ones are.
#[must_use]
pub fn digest(number: u64) -> Digest {
    let mut digest = [0; 32];
    let mut state = number.wrapping_add(1);
    for word in digest.chunks_exact_mut(8) {
        // SplitMix64
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    digest
}

impl SnapshotBuilder {
    #[must_use]
    pub fn whole(generation: u64) -> Self {
        Self {
            groups: Some(vec![GroupSpec::new("default")]),
            models: Some(Vec::new()),
            upstreams: Some(Vec::new()),
            ..Self::delta(generation, 0)
        }
    }

    #[must_use]
    pub fn delta(generation: u64, base: u64) -> Self {
        let (accounts, keys, gone) = (Vec::new(), Vec::new(), Vec::new());
        Self { generation, base, groups: None, models: None, upstreams: None, accounts, keys, gone }
    }

    #[must_use]
    pub fn group(mut self, group: GroupSpec) -> Self {
        self.groups.get_or_insert_default().push(group);
        self
    }

    #[must_use]
    pub fn model(mut self, model: ModelSpec) -> Self {
        self.models.get_or_insert_default().push(model);
        self
    }

    #[must_use]
    pub fn upstream(mut self, upstream: UpstreamSpec) -> Self {
        self.upstreams.get_or_insert_default().push(upstream);
        self
    }

    #[must_use]
    pub fn account(mut self, account: AccountSpec) -> Self {
        self.accounts.push(account);
        self
    }

    #[must_use]
    pub fn key(mut self, key: KeySpec) -> Self {
        self.keys.push(key);
        self
    }

    #[must_use]
    pub fn gone(mut self, digest: Digest) -> Self {
        self.gone.push(digest);
        self
    }
}

impl GroupSpec {
    /// May call every model, at its price.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), multiplier_micro: 1_000_000, models: vec!["*".into()], rpm: 0 }
    }
}

impl ModelSpec {
    /// An enabled chat model with one route per upstream, at 0.15 USD per million input and 0.60 per million output tokens.
    #[must_use]
    pub fn chat(name: &str, upstreams: &[&str]) -> Self {
        Self {
            name: name.into(),
            kind: 0,
            enabled: true,
            free: false,
            max_output: 0,
            bytes_per_token_milli: 4_000,
            price: Some(PriceSpec::tokens(150_000, 600_000)),
            routes: upstreams.iter().map(|upstream| RouteSpec::new(upstream, name)).collect(),
            rpm: 0,
        }
    }
}

impl PriceSpec {
    /// Prices per token of input and of output, in pico-USD.
    #[must_use]
    pub fn tokens(input_pico: u64, output_pico: u64) -> Self {
        let (i, o) = (input_pico, output_pico);
        Self {
            id: id(7_000),
            token_pico: [i, i, i, i, o, o, i, o, i, o],
            request_nano: 0,
            image_nano: 0,
            second_nano: 0,
            character_pico: 0,
        }
    }
}

impl RouteSpec {
    #[must_use]
    pub fn new(upstream: &str, upstream_model: &str) -> Self {
        Self { upstream: upstream.into(), upstream_model: upstream_model.into(), priority: 0, weight: 1 }
    }
}

impl UpstreamSpec {
    /// An enabled upstream of the simulator's kind with one credential, which may be on this machine.
    #[must_use]
    pub fn new(name: &str, base_url: &str) -> Self {
        Self {
            name: name.into(),
            provider: 4,
            base_url: base_url.into(),
            enabled: true,
            private_address_allowed: true,
            credentials: vec![(id(8_000), "upstream-secret".into())],
            timeouts_ms: [0; 6],
            headers: Vec::new(),
        }
    }
}

impl AccountSpec {
    /// An enabled account of group `default`.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self { id: id(number), group: "default".into(), enabled: true, rpm: 0, extra_groups: Vec::new() }
    }
}

impl KeySpec {
    /// An enabled key of an account, without limits. Its digest is [`digest`] of its number.
    #[must_use]
    pub fn new(number: u64, account: u64) -> Self {
        Self {
            digest: digest(number),
            id: id(1_000_000 + number),
            account: id(account),
            enabled: true,
            expires_s: 0,
            rpm: 0,
            tpm: 0,
            concurrency: 0,
            endpoints: 0,
            group: None,
            models: None,
            networks: None,
        }
    }
}
