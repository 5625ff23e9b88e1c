//! Groups, models and upstreams of a draft: read as rows, then linked to one another.

use super::{CatalogLives, Draft, boxed_names, headers};
use crate::health::{ChannelLive, ModelLive};
use crate::money::Price;
use crate::snapshot::accounts::Groups;
use crate::snapshot::base_url::{self, BaseUrl};
use crate::snapshot::catalog::{Channel, Credential, Group, Model, ModelKind, Models, Provider, Timeouts, Upstream};
use crate::snapshot::keys::NO_GROUP;
use crate::snapshot::rows::{GroupRow, ModelRow, PriceRow, RouteRow, UpstreamRow};
use crate::snapshot::{SnapshotError, pattern};
use hashbrown::HashMap;
use std::sync::Arc;

const FLAG_ENABLED: u32 = 1;
const FLAG_FREE: u32 = 2;
const FLAG_PRIVATE_ADDRESS: u32 = 2;
/// A channel is named by 16 bits within a request.
const ROUTES_MAX: usize = 1_000;

impl<'a> Draft<'a> {
    /// Gives the groups their places: those of the snapshot before where the name is known, so that records need no change.
    pub(in crate::snapshot) fn end_groups(&mut self) -> Result<(), SnapshotError> {
        let previous = &self.previous.groups;
        if !self.came[0] {
            let named = (0..NO_GROUP).zip(&previous.list);
            self.group_places = named.filter_map(|(place, group)| Some((&*group.as_ref()?.name, place))).collect();
            return Ok(());
        }
        let mut list: Vec<Option<Group>> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        if !self.parts.whole {
            list.resize_with(previous.list.len(), || None);
            // Only places that were free before: one that becomes free now may still be referred to.
            free = (0..previous.list.len())
                .filter(|&place| previous.list.get(place).is_some_and(Option::is_none))
                .collect();
        }
        for (row_index, row) in core::mem::take(&mut self.group_rows).into_iter().enumerate() {
            let invalid = |what: String| SnapshotError::Invalid(format!("groups[{row_index}].{what}"));
            let group = group_of(&row).map_err(invalid)?;
            let known = if self.parts.whole { None } else { previous.find(row.name).map(usize::from) };
            let place = known.or_else(|| free.pop()).unwrap_or(list.len());
            let number = u16::try_from(place).ok().filter(|number| *number != NO_GROUP);
            let number = number.ok_or_else(|| invalid("name: there are more groups than can be told apart".into()))?;
            if self.group_places.insert(row.name, number).is_some() {
                return Err(invalid(format!("name: '{}' stands in the table twice", row.name)));
            }
            match list.get_mut(place) {
                Some(at) => *at = Some(group),
                None => list.push(Some(group)),
            }
        }
        let went = |(before, now): (&Option<Group>, &Option<Group>)| before.is_some() && now.is_none();
        self.group_vanished = !self.parts.whole && previous.list.iter().zip(&list).any(went);
        self.parts.groups = Arc::new(Groups { list });
        Ok(())
    }

    pub(in crate::snapshot) fn put_upstream(&mut self, row: &UpstreamRow<'a>) -> Result<(), String> {
        named("name", row.name)?;
        let provider =
            Provider::from_wire(row.provider).ok_or_else(|| format!("provider: {} is not known", row.provider))?;
        let url = base_url::parse(row.base_url).map_err(|why| format!("base_url: it {why}"))?;
        let BaseUrl { tls, host, port, path, authority } = url;
        let mut credentials = Vec::with_capacity(row.credentials.len());
        for credential in &row.credentials {
            if credential.secret.is_empty() || !credential.secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err("credentials: a secret is empty or has characters that no header can carry".into());
            }
            credentials.push(Credential { id: credential.id, secret: credential.secret.into() });
        }
        let [connect_ms, tls_ms, first_byte_ms, first_token_ms, idle_ms, total_ms] =
            row.timeouts_ms.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        let live = self.live.upstreams.get(row.name).cloned().unwrap_or_default();
        self.new_upstreams.push(Arc::new(Upstream {
            name: row.name.into(),
            provider,
            tls,
            host,
            port,
            base_path: path,
            authority,
            enabled: row.flags & FLAG_ENABLED != 0,
            private_address_allowed: row.flags & FLAG_PRIVATE_ADDRESS != 0,
            credentials: credentials.into(),
            timeouts: Timeouts { connect_ms, tls_ms, first_byte_ms, first_token_ms, idle_ms, total_ms },
            headers: headers::parse_all(&row.headers)?,
            live,
        }));
        Ok(())
    }

    /// Links models to upstreams, and groups to models, as far as any of them changed.
    pub(in crate::snapshot) fn end_catalog(&mut self) -> Result<(), SnapshotError> {
        let [groups_came, models_came, upstreams_came] = self.came;
        if upstreams_came {
            self.parts.upstreams = core::mem::take(&mut self.new_upstreams).into();
        }
        if models_came || upstreams_came {
            let linked = if models_came { self.models_from_rows() } else { self.models_relinked() };
            let (models, lives) = linked.map_err(SnapshotError::Invalid)?;
            self.parts.models = Arc::new(models);
            self.parts.catalog_lives = Some(lives);
        }
        if models_came || groups_came {
            let mut groups = (*self.parts.groups).clone();
            for group in groups.list.iter_mut().flatten() {
                group.allowed = allowed(&group.patterns, &self.parts.models);
            }
            self.parts.groups = Arc::new(groups);
        }
        Ok(())
    }

    fn upstreams_by_name(&self) -> Result<HashMap<Box<str>, Arc<Upstream>>, String> {
        let mut by_name = HashMap::with_capacity(self.parts.upstreams.len());
        for (index, upstream) in self.parts.upstreams.iter().enumerate() {
            if by_name.insert(upstream.name.clone(), Arc::clone(upstream)).is_some() {
                return Err(format!("upstreams[{index}].name: '{}' stands in the table twice", upstream.name));
            }
        }
        Ok(by_name)
    }

    fn models_from_rows(&mut self) -> Result<(Models, CatalogLives), String> {
        let upstreams = self.upstreams_by_name()?;
        let mut lives = CatalogLives::default();
        let (mut list, mut by_name) = (Vec::new(), HashMap::new());
        for (row_index, row) in core::mem::take(&mut self.model_rows).iter().enumerate() {
            let index = list.len() as u32;
            let model = self
                .model_of(row, index, &upstreams, &mut lives)
                .map_err(|what| format!("models[{row_index}].{what}"))?;
            if by_name.insert(Box::from(row.name.as_bytes()), index).is_some() {
                return Err(format!("models[{row_index}].name: '{}' stands in the table twice", row.name));
            }
            list.push(Arc::new(model));
        }
        lives.upstreams = upstreams.into_iter().map(|(name, upstream)| (name, Arc::clone(&upstream.live))).collect();
        Ok((Models { list: list.into(), by_name }, lives))
    }

    /// The models of the snapshot before, on the upstreams of this one.
    fn models_relinked(&mut self) -> Result<(Models, CatalogLives), String> {
        let upstreams = self.upstreams_by_name()?;
        let mut lives = CatalogLives::default();
        let previous = &self.previous.models;
        let mut list = Vec::with_capacity(previous.list.len());
        for model in &previous.list {
            let mut model = Model::clone(model);
            for channel in &mut model.channels {
                let name = &channel.upstream.name;
                let upstream = upstreams.get(name).ok_or_else(|| {
                    format!("upstreams: '{name}' is gone, but model '{}' has a route to it", model.name)
                })?;
                lives.channels.insert((model.name.clone(), name.clone()), Arc::clone(&channel.live));
                channel.upstream = Arc::clone(upstream);
            }
            lives.models.insert(model.name.clone(), Arc::clone(&model.live));
            list.push(Arc::new(model));
        }
        lives.upstreams = upstreams.into_iter().map(|(name, upstream)| (name, Arc::clone(&upstream.live))).collect();
        Ok((Models { list: list.into(), by_name: previous.by_name.clone() }, lives))
    }

    fn model_of(
        &self,
        row: &ModelRow<'a>,
        index: u32,
        upstreams: &HashMap<Box<str>, Arc<Upstream>>,
        lives: &mut CatalogLives,
    ) -> Result<Model, String> {
        named("name", row.name)?;
        let kind = ModelKind::from_wire(row.kind).ok_or_else(|| format!("kind: {} is not known", row.kind))?;
        if row.routes.len() > ROUTES_MAX {
            return Err(format!("routes: more than {ROUTES_MAX}"));
        }
        let mut channels = Vec::with_capacity(row.routes.len());
        for (number, route) in row.routes.iter().enumerate() {
            let channel = self.channel_of(row.name, route, upstreams, lives);
            channels.push(channel.map_err(|what| format!("routes[{number}].{what}"))?);
        }
        channels.sort_by_key(|channel| channel.priority); // stable: the operator's order inside a tier stays
        let known =
            || self.live.models.get(row.name).cloned().unwrap_or_else(|| Arc::new(ModelLive::new(self.live.stripes)));
        let live = Arc::clone(lives.models.entry(row.name.into()).or_insert_with(known));
        Ok(Model {
            name: row.name.into(),
            kind,
            free: row.flags & FLAG_FREE != 0,
            enabled: row.flags & FLAG_ENABLED != 0,
            owned_by: row.owned_by.into(),
            created_s: row.created_s,
            context: row.context,
            max_output: row.max_output,
            input_modalities: boxed_names("input_modalities", &row.input_modalities)?,
            output_modalities: boxed_names("output_modalities", &row.output_modalities)?,
            bytes_per_token_milli: row.bytes_per_token_milli,
            price: row.price.as_ref().map(price_of),
            channels: channels.into(),
            rpm: row.rpm,
            tpm: row.tpm,
            concurrency: row.concurrency,
            live,
            index,
        })
    }

    fn channel_of(
        &self,
        model: &str,
        route: &RouteRow<'a>,
        upstreams: &HashMap<Box<str>, Arc<Upstream>>,
        lives: &mut CatalogLives,
    ) -> Result<Channel, String> {
        named("upstream_model", route.upstream_model)?;
        let upstream = upstreams
            .get(route.upstream)
            .ok_or_else(|| format!("upstream: there is no upstream named '{}'", route.upstream))?;
        let name = (Box::from(model), Box::from(route.upstream));
        let known = self.live.channels.get(&name).cloned();
        let new = || known.unwrap_or_else(|| Arc::new(ChannelLive::new(self.live.stripes)));
        let live = Arc::clone(lives.channels.entry(name).or_insert_with(new));
        let narrow = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        Ok(Channel {
            upstream: Arc::clone(upstream),
            upstream_model: route.upstream_model.into(),
            priority: narrow(route.priority),
            weight: narrow(route.weight),
            live,
        })
    }
}

fn group_of(row: &GroupRow<'_>) -> Result<Group, String> {
    named("name", row.name)?;
    Ok(Group {
        name: row.name.into(),
        multiplier_micro: row.multiplier_micro,
        rpm: row.rpm,
        tpm: row.tpm,
        concurrency: row.concurrency,
        patterns: boxed_names("models", &row.models)?,
        allowed: Box::default(),
    })
}

fn named(field: &str, name: &str) -> Result<(), String> {
    if name.is_empty() { Err(format!("{field}: it is empty")) } else { Ok(()) }
}

fn price_of(row: &PriceRow) -> Arc<Price> {
    Arc::new(Price {
        id: row.id,
        token_pico: row.token_pico,
        request_nano: row.request_nano,
        image_nano: row.image_nano,
        second_nano: row.second_nano,
        character_pico: row.character_pico,
    })
}

/// One bit per model that any of the patterns fits.
fn allowed(patterns: &[Box<str>], models: &Models) -> Box<[u64]> {
    let mut bits = vec![0u64; models.list.len().div_ceil(64)];
    for model in models.list.iter().filter(|model| pattern::any_matches(patterns, &model.name)) {
        if let Some(word) = bits.get_mut(model.index as usize / 64) {
            *word |= 1 << (model.index % 64);
        }
    }
    bits.into()
}
