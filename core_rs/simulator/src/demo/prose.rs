//! What `sim-chat` says: a few whole sentences that take up the words of the question, chosen by its hash.

use super::hash;

const OPENINGS: [&str; 5] = [
    "You wrote “{quote}”, and I have turned it over a few times before answering.",
    "Let us look at “{quote}” together, slowly, as one looks at a map before a walk.",
    "“{quote}” is a good place to begin.",
    "Thank you for “{quote}”; few people put it quite that way.",
    "Somebody asked me about “{quote}” once before, on a slow afternoon, and I have been fond of the subject since.",
];

const MIDDLES: [&str; 5] = [
    "What strikes me about {word} is how much of it happens where nobody looks: in the small steps, in their order, in what is left out.",
    "If I had to explain {word} to a child, I would begin with something that can be held in the hand, and only then say the long name.",
    "Every account of {word} has two halves, what it costs and what it is worth, and they are seldom written by the same person.",
    "Ask three people about {word} and you get four answers; the useful one is usually the one that can be tried out before lunch.",
    "With {word}, as with bridges, the interesting part is not the far side but the toll, the view, and who else is crossing.",
];

const SECONDS: [&str; 4] = [
    "And {other}? I would keep it close by, like a lantern that one lights only when the road bends.",
    "As for {other}: start small, write down what you see, and let the second attempt be braver than the first.",
    "It is easy to forget {other} here, which is a pity, because it quietly carries half the weight.",
    "Then there is {other}, about which the honest answer is shorter than the clever one: try it, measure it, keep what helps.",
];

const CLOSINGS: [&str; 4] = [
    "I am a simulated model, so take this as good company rather than as advice; a real one can stand in my place without a change in your code.",
    "Of course I am only the simulated model of this demo: I count my words honestly, and each of them is paid for in play money.",
    "I should add that I am simulated; the tokens, the usage and the bill are the things about me that are meant in earnest.",
    "None of this was thought by anybody, since I am simulated, but it was counted, priced and delivered with care.",
];

/// Words too common to be taken up.
const COMMON: &str = " about after again also because been before could does each from have hello here into just like make more most much \
    only other over please should some such than thank that their them then there these they this those through under very want were what when \
    where which while will with word words would write your tell explain ";

const QUOTE_CHARS_MAX: usize = 80;

/// `variant` tells apart the choices of one answer.
pub(super) fn reply(question: &str, variant: u64) -> String {
    let quote = quote(question);
    if quote.is_empty() {
        return "You have sent me no words, so I have none to take up. Ask me anything: I am a simulated model, I answer in whole sentences, \
                and I count every one of them."
            .to_owned();
    }
    let seed = hash(question.as_bytes()).wrapping_add(variant.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (word, other) = topics(question);
    let mut sentences = vec![pick(&OPENINGS, seed), pick(&MIDDLES, seed >> 11)];
    if other.is_some() {
        sentences.push(pick(&SECONDS, seed >> 23));
    }
    sentences.push(pick(&CLOSINGS, seed >> 37));
    // The quote last: whatever it holds is not a placeholder.
    sentences
        .join(" ")
        .replace("{word}", word.unwrap_or("a question like this"))
        .replace("{other}", other.unwrap_or_default())
        .replace("{quote}", &quote)
}

/// In pieces of about a token: a word with the space before it, long words in two.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    const PIECE_CHARS: usize = 7;
    let mut pieces = Vec::with_capacity(text.len() / 4);
    let mut start = 0;
    let mut chars = 0;
    for (at, character) in text.char_indices() {
        if at > start && (character == ' ' || chars >= PIECE_CHARS) {
            pieces.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        chars += 1;
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

fn pick<'a>(choices: &[&'a str], seed: u64) -> &'a str {
    choices[(seed % choices.len() as u64) as usize]
}

/// The first line, on one breath.
fn quote(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim_end_matches(['?', '!', '.', ' ']);
    if line.chars().count() <= QUOTE_CHARS_MAX {
        return line.to_owned();
    }
    let cut: String = line.chars().take(QUOTE_CHARS_MAX).collect();
    format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole))
}

/// The two longest words worth a sentence, the earlier one first.
fn topics(text: &str) -> (Option<&str>, Option<&str>) {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '\'') {
        let small = word.to_lowercase();
        if word.chars().count() >= 4 && !COMMON.contains(&format!(" {small} ")) && !words.contains(&word) {
            words.push(word);
        }
    }
    let mut longest = words.clone();
    longest.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    longest.truncate(2);
    words.retain(|word| longest.contains(word));
    (words.first().copied(), words.get(1).copied())
}
