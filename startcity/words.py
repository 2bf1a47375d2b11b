# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the commands of the installers say, in English and in Italian.

The English text is the key, as it stands in the code. A test goes through the commands and fails where an Italian text
is missing, is left over, or has other placeholders. Errors out of the depth of the programs are English only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import rich_click as click

from startcity import words_cable, words_flash, words_flash_faults, words_keys, words_operator, words_provision

LANGUAGES = ("it", "en")
META_KEY = "startcity.language"
# The order of POSIX, with our own variable before it.
_VARIABLES = ("STARTCITY_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def language() -> str:
    """The reader's language: `--lang`, else the first variable that is set; English where it is neither."""
    context = click.get_current_context(silent=True)
    if context is not None and META_KEY in context.meta:
        return str(context.meta[META_KEY])
    value = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "")
    return "it" if value.lower().startswith("it") else "en"


def say(text: str, /, **values: object) -> str:
    """`text` in the reader's language, with its placeholders filled."""
    spoken = ITALIAN.get(text, text) if language() == "it" else text
    return spoken.format(**values) if values else spoken


_PAIRS: tuple[tuple[str, str], ...] = (
    (
        "Language of the texts. Default: STARTCITY_LANG, else the system's.",
        "Lingua dei testi. Se manca: STARTCITY_LANG, altrimenti quella del sistema.",
    ),
    ("Examples:", "Esempi:"),
    (
        "The field side of a smart city: nodes, gateways and the tools around them.\n\nExit codes: 0 done; 1 "
        "something that was checked is not right; 2 a person has to change a setting or the command line; 3 "
        "something that is needed is not there now, try again.",
        "Il lato campo di una città intelligente: nodi, gateway e i loro strumenti.\n\nCodici d'uscita: 0 "
        "fatto; 1 una verifica non è riuscita; 2 una persona deve cambiare un'impostazione o il comando; 3 "
        "manca per ora qualcosa che serve, riprovare.",
    ),
    ("Show the version and exit.", "Mostra la versione ed esce."),
    ("Make, run and look at a gateway.", "Creare, avviare e osservare un gateway."),
    (
        "Prepare nodes, and list the nodes that a gateway knows.",
        "Preparare i nodi ed elencare quelli che un gateway conosce.",
    ),
    (
        "Keep the nodes' masters, and hand roots to gateways.",
        "Custodire le chiavi madri dei nodi e dare ai gateway le chiavi derivate.",
    ),
    ("Check and read device profiles.", "Controllare e leggere i profili dei dispositivi."),
    (
        "Receive, verify and keep what the gateways send.",
        "Ricevere, verificare e conservare ciò che inviano i gateway.",
    ),
    (
        "Check a journal or an archive offline, with public keys only.",
        "Verificare un giornale o un archivio con le sole chiavi pubbliche.",
    ),
    ("Run a city on simulators.", "Far girare una città su simulatori."),
    (
        "Make a board a node of this city: key, configuration, registration.\n\nID is the board's base MAC, 12 "
        "hex digits. With --config the node is registered at that gateway; with --vault its master is kept "
        "there. Doing it again for the same node changes its settings and keeps its key.",
        "Fa di una scheda un nodo di questa città: chiave, configurazione, registrazione.\n\nID è il MAC di "
        "base della scheda, 12 cifre esadecimali. Con --config il nodo viene registrato presso quel gateway; "
        "con --vault la sua chiave madre resta nel caveau. Ripeterlo per lo stesso nodo ne cambia le "
        "impostazioni e ne conserva la chiave.",
    ),
    (
        "The device's profile; `startcity profile list` shows them.",
        "Il profilo del dispositivo; `startcity profile list` li elenca.",
    ),
    (
        "Folder for the node's config.json and key.bin (mode 0600).",
        "Cartella per config.json e key.bin del nodo (permessi 0600).",
    ),
    (
        "The gateway's configuration, whose registry is used.",
        "La configurazione del gateway, di cui si usa il registro.",
    ),
    ("The vault that makes and keeps the node's master.", "Il caveau che crea e custodisce la chiave madre del nodo."),
    ("Key generation.", "Generazione delle chiavi."),
    ("What people call the node.", "Come le persone chiamano il nodo."),
    ("Where it is.", "Dove si trova."),
    ("A setting of the profile; may be repeated.", "Un'impostazione del profilo; si può ripetere."),
    ("The Wi-Fi network's name.", "Il nome della rete Wi-Fi."),
    (
        "File with its password. Else STARTCITY_WIFI_PASSWORD, else asked.",
        "File con la sua password. Altrimenti STARTCITY_WIFI_PASSWORD, altrimenti viene chiesta.",
    ),
    (
        "The network has no password, and the node may join it all the same.",
        "La rete non ha password, e il nodo può collegarsi lo stesso.",
    ),
    (
        "The gateway's broker as the node reaches it. Default: from the gateway's configuration.",
        "Il broker del gateway come lo raggiunge il nodo. Se manca: dalla configurazione del gateway.",
    ),
    (
        "Its port. Default: from the gateway's configuration.",
        "La sua porta. Se manca: dalla configurazione del gateway.",
    ),
    ("The broker's user for nodes, if it asks for one.", "L'utente del broker per i nodi, se ne chiede uno."),
    (
        "File with that user's password. Else STARTCITY_MQTT_PASSWORD.",
        "File con la password di quell'utente. Altrimenti STARTCITY_MQTT_PASSWORD.",
    ),
    ("What the node prints.", "Che cosa stampa il nodo."),
    (
        "The board's chip. Default: the one of the profile's board.",
        "Il chip della scheda. Altrimenti: quello della scheda del profilo.",
    ),
    (
        "The node has a new key: replace the one that the gateway knows.",
        "Il nodo ha una chiave nuova: sostituire quella che il gateway conosce.",
    ),
    (
        "Give --config (registers at a gateway), --vault (keeps the master), or both.",
        "Indicare --config (registra presso un gateway), --vault (custodisce la chiave madre), o entrambi.",
    ),
    (
        "{folder}: config.json and key.bin are ready, mode 0600.",
        "{folder}: config.json e key.bin sono pronti, permessi 0600.",
    ),
    ("Node {node} is registered at {gateway}.", "Il nodo {node} è registrato presso {gateway}."),
    (
        "No gateway knows the node yet: with the gateway's commissioning.pub `{commission}`, then at the gateway `{take}` "
        "(the first time with --vault-key vault.pub).",
        "Nessun gateway conosce ancora il nodo: con il commissioning.pub del gateway `{commission}`, poi presso il gateway "
        "`{take}` (la prima volta con --vault-key vault.pub).",
    ),
    (
        "No vault has the master: keep it with `{command}`.",
        "Nessun caveau ha la chiave madre: custodirla con `{command}`.",
    ),
    (
        "This key is the key of node {other} already: each node needs its own, choose another --out folder.",
        "Questa chiave è già quella del nodo {other}: ogni nodo vuole la sua, scegliere un'altra cartella --out.",
    ),
    (
        "Node {node} is registered with another key of generation {generation}: give its own key (--vault, or the "
        "--out folder with its key.bin), or say --replace if the node has a new one.",
        "Il nodo {node} è registrato con un'altra chiave della generazione {generation}: dare la sua (--vault, o la "
        "cartella --out con il suo key.bin), o dire --replace se il nodo ne ha una nuova.",
    ),
    (
        "{file} has more than one line: leave the password alone in it.",
        "{file} ha più di una riga: lasciarvi solo la password.",
    ),
    (
        "--mqtt-host {host} is the board itself: right for a simulated node, never for a board.",
        "--mqtt-host {host} è la scheda stessa: va bene per un nodo simulato, mai per una scheda.",
    ),
    (
        "--mqtt-host {host}: write only a name or an address, such as 192.0.2.10; no mqtt://, no path, and the port "
        "goes into --mqtt-port.",
        "--mqtt-host {host}: scrivere solo un nome o un indirizzo, per esempio 192.0.2.10; senza mqtt:// né percorso, "
        "e la porta va in --mqtt-port.",
    ),
    (
        "--mqtt-user {user} needs a password: --mqtt-password-file or STARTCITY_MQTT_PASSWORD.",
        "--mqtt-user {user} richiede una password: --mqtt-password-file o STARTCITY_MQTT_PASSWORD.",
    ),
    (
        "node id {given}: write the board's base MAC as 12 hex digits, such as aabbccddee01.",
        "id del nodo {given}: scrivere il MAC di base della scheda, 12 cifre esadecimali, per esempio aabbccddee01.",
    ),
    (
        "node id {given} is a group address: write the board's own base MAC, such as aabbccddee01.",
        "l'id del nodo {given} è un indirizzo di gruppo: scrivere il MAC di base della scheda, per esempio aabbccddee01.",
    ),
    (
        "a Wi-Fi network's name has 1 to 32 bytes: write --wifi-ssid as the access point shows it.",
        "il nome di una rete Wi-Fi ha da 1 a 32 byte: scrivere --wifi-ssid come lo mostra il punto di accesso.",
    ),
    (
        "the Wi-Fi password has characters that no access point accepts: printable ASCII only.",
        "la password Wi-Fi ha caratteri che nessun punto di accesso accetta: solo ASCII stampabile.",
    ),
    (
        "the Wi-Fi password has {count} characters: WPA takes 8 to 63, or 64 hex digits.",
        "la password Wi-Fi ha {count} caratteri: WPA ne vuole da 8 a 63, o 64 cifre esadecimali.",
    ),
    (
        "{file} is no node's configuration or is damaged: move it away.",
        "{file} non è la configurazione di un nodo o è danneggiato: spostarlo.",
    ),
    (
        "{folder} belongs to node {owner}: choose another --out folder for {node}, each node has its own key.",
        "{folder} appartiene al nodo {owner}: scegliere un'altra cartella --out per {node}, ogni nodo ha la sua chiave.",
    ),
    (
        "{folder} is not a vault: make one with `startcity vault init {folder}`.",
        "{folder} non è un caveau: crearne uno con `startcity vault init {folder}`.",
    ),
    (
        "the vault has another key for node {node}: use the vault's (`startcity node add` with --vault and a new --out "
        "folder) and copy that one to the board.",
        "il caveau ha un'altra chiave per il nodo {node}: usare quella del caveau (`startcity node add` con --vault e "
        "una nuova cartella --out) e copiarla sulla scheda.",
    ),
    (
        "the vault has this key for node {other} already: each node needs its own, so give {node} a new --out folder, "
        "or no --key.",
        "il caveau ha già questa chiave per il nodo {other}: ogni nodo vuole la sua, quindi dare a {node} una nuova "
        "cartella --out, o nessun --key.",
    ),
    (
        "setting {name}: write true or false, such as {example}, not {given}.",
        "impostazione {name}: scrivere true o false, per esempio {example}, non {given}.",
    ),
    (
        "setting {name}: write a whole number, such as {example}, not {given}.",
        "impostazione {name}: scrivere un numero intero, per esempio {example}, non {given}.",
    ),
    (
        "setting {name}: write a number, such as {example}, not {given}.",
        "impostazione {name}: scrivere un numero, per esempio {example}, non {given}.",
    ),
    (
        "setting {name}: write text, such as {example}, not {given}.",
        "impostazione {name}: scrivere un testo, per esempio {example}, non {given}.",
    ),
    (
        "setting {name}: {given} is too small, write {least} or more.",
        "impostazione {name}: {given} è troppo piccolo, scrivere {least} o più.",
    ),
    (
        "setting {name}: {given} is too large, write {most} or less.",
        "impostazione {name}: {given} è troppo grande, scrivere {most} o meno.",
    ),
    (
        "setting {name}: profile {profile} does not have it; it has: {known}.",
        "impostazione {name}: il profilo {profile} non ce l'ha; ha: {known}.",
    ),
    (
        "{folder} has no profiles: each is a folder with a profile.toml in it.",
        "{folder} non ha profili: ognuno è una cartella con un profile.toml.",
    ),
    (
        "On the board: copy both files beside main.py (docs/install-node-by-hand.md), then delete {folder}.",
        "Sulla scheda: copiare i due file accanto a main.py (docs/install-node-by-hand.md), poi cancellare {folder}.",
    ),
    ("Nodes registered at {gateway}: {count}.", "Nodi registrati presso {gateway}: {count}."),
    (
        "List the nodes that a gateway knows, each with its key generations, without their keys.",
        "Elenca i nodi che un gateway conosce, ognuno con le sue generazioni di chiavi, senza le chiavi.",
    ),
    ("Print one JSON object.", "Stampa un oggetto JSON."),
    (
        "Ask something of a node: identify, reboot, sample, rezero, configure, generation N.\n\nidentify blinks its "
        "light; sample measures and reports at once; rezero takes the present state as empty or as zero; configure "
        "changes settings, and the node goes back to the old ones if it does not hold with them; generation moves it "
        "to the keys of generation N, which `startcity node import` must have brought to this gateway. The node gets "
        "the command with the next answer, a sleeping one when it wakes. Exit code 1: the node or the gateway "
        "refused; 3: no result in time.",
        "Chiede qualcosa a un nodo: identify, reboot, sample, rezero, configure, generation N.\n\nidentify fa "
        "lampeggiare la sua luce; sample misura e riferisce subito; rezero prende lo stato presente come vuoto o come "
        "zero; configure cambia le impostazioni, e il nodo torna a quelle di prima se non regge con le nuove; "
        "generation lo porta alle chiavi della generazione N, che `startcity node import` deve aver dato a questo "
        "gateway. Il nodo riceve il comando con la prossima risposta, uno che dorme quando si sveglia. Codice "
        "d'uscita 1: il nodo o il gateway ha rifiutato; 3: nessun esito in tempo.",
    ),
    ("With configure; may be repeated.", "Con configure; si può ripetere."),
    ("Wait for the node's result.", "Attende l'esito dal nodo."),
    (
        "Node {node} has not answered within {seconds} s; the command goes on waiting.",
        "Il nodo {node} non ha risposto entro {seconds} s; il comando continua ad attendere.",
    ),
    ("Node {node}: {word} waits for its next answer.", "Nodo {node}: {word} attende la prossima risposta."),
    ("Node {node}: {word} is done.", "Nodo {node}: {word} è fatto."),
    (
        "Node {node}: {word} has expired, the node was not heard in time.",
        "Nodo {node}: {word} è scaduto, il nodo non si è fatto sentire in tempo.",
    ),
    (
        "Node {node}: {word} was replaced by a newer command.",
        "Nodo {node}: {word} è stato sostituito da un comando più recente.",
    ),
    ("Node {node}: the gateway refuses: {reason}", "Nodo {node}: il gateway rifiuta: {reason}"),
    (
        "Node {node}: {word} has an argument that the node does not take.",
        "Nodo {node}: {word} ha un argomento che il nodo non accetta.",
    ),
    ("Node {node}: {word} is not possible now.", "Nodo {node}: {word} ora non è possibile."),
    (
        "Node {node}: it did not hold with the new settings, the old ones are back.",
        "Nodo {node}: non ha retto con le nuove impostazioni, sono tornate quelle di prima.",
    ),
    (
        "Node {node}: the new generation was not proven to it.",
        "Nodo {node}: la nuova generazione non gli è stata provata.",
    ),
    (
        "Node {node}: it has heard higher numbers of this gateway: send {word} again.",
        "Nodo {node}: ha già sentito numeri più alti da questo gateway: inviare {word} di nuovo.",
    ),
    (
        "Node {node}: its firmware does not know {word}.",
        "Nodo {node}: il suo firmware non conosce {word}.",
    ),
    ("Nodes: {count}.", "Nodi: {count}."),
    ("node", "nodo"),
    ("profile", "profilo"),
    ("generations", "generazioni"),
    ("name", "nome"),
    ("place", "luogo"),
    (
        "Node {node}: there is no profile {profile} at this gateway. Known: {known}. Correct it where the vault is, with "
        "`startcity vault add {node}`, and make the file again.",
        "Nodo {node}: presso questo gateway non c'è un profilo {profile}. Quelli noti: {known}. Correggerlo dove sta il "
        "caveau, con `startcity vault add {node}`, e rifare il file.",
    ),
    ("There is no profile {profile}. Known: {known}.", "Non c'è un profilo {profile}. Quelli noti: {known}."),
    (
        "--set {given}: write NAME=VALUE, such as --set interval_s=60.",
        "--set {given}: scrivere NOME=VALORE, per esempio --set interval_s=60.",
    ),
    ("Password of the Wi-Fi network {ssid}", "Password della rete Wi-Fi {ssid}"),
    (
        "The Wi-Fi network {ssid} needs a password: --wifi-password-file, STARTCITY_WIFI_PASSWORD, or a "
        "terminal to type it. If it has none, say --open-network.",
        "La rete Wi-Fi {ssid} richiede una password: --wifi-password-file, STARTCITY_WIFI_PASSWORD, o un "
        "terminale per digitarla. Se non ne ha, dire --open-network.",
    ),
    (
        "Write --mqtt-host: the gateway's name or address in the network of the nodes.",
        "Scrivere --mqtt-host: il nome o l'indirizzo del gateway nella rete dei nodi.",
    ),
    (
        "{folder} does not exist: make the gateway with `startcity gateway init` first.",
        "{folder} non esiste: creare prima il gateway con `startcity gateway init`.",
    ),
    (
        "{file} holds a password and others may read it: run `chmod 600 {file}`.",
        "{file} contiene una password e altri possono leggerla: eseguire `chmod 600 {file}`.",
    ),
    ("{file} cannot be read: {reason}.", "{file} non si può leggere: {reason}."),
    (
        "Keep the nodes' masters, and hand roots to gateways.\n\nA vault is a folder (mode 0700) on a machine "
        "of the city, best one without a network. Back it up: without it no node can get a new key "
        "generation.",
        "Custodire le chiavi madri dei nodi e dare ai gateway le chiavi derivate.\n\nUn caveau è una cartella "
        "(permessi 0700) su una macchina del Comune, meglio se senza rete. Va salvato in copia: senza, "
        "nessun nodo può avere una nuova generazione di chiavi.",
    ),
    ("Make an empty vault; one that is there is kept.", "Crea un caveau vuoto; se c'è già, resta com'è."),
    (
        "{folder} is a new vault, mode 0700. Back it up.",
        "{folder} è un nuovo caveau, permessi 0700. Farne una copia di sicurezza.",
    ),
    ("{folder} is a vault already; it is kept.", "{folder} è già un caveau; resta com'è."),
    (
        "Keep a node's master. A node that is there keeps the one it has.",
        "Custodisce la chiave madre di un nodo. Un nodo che c'è già conserva la sua.",
    ),
    ("The vault's folder.", "La cartella del caveau."),
    (
        "A key.bin that was made without the vault. Default: a new master.",
        "Un key.bin creato senza il caveau. Se manca: una nuova chiave madre.",
    ),
    ("Node {node} is in the vault.", "Il nodo {node} è nel caveau."),
    ("Node {node} was in the vault; it keeps its key.", "Il nodo {node} era già nel caveau; conserva la sua chiave."),
    (
        "The vault has no nodes yet: add them with `startcity vault add`.",
        "Il caveau non ha ancora nodi: aggiungerli con `startcity vault add`.",
    ),
    (
        "{file} exists already: move it away, or choose another file.",
        "{file} esiste già: spostarlo, o scegliere un altro file.",
    ),
    (
        "Check profiles and captures; each mistake is shown with file, line, key and what to write. Exit "
        "code 1 if there is one.",
        "Controlla profili e catture; ogni errore è mostrato con file, riga, chiave e che cosa scrivere. "
        "Codice d'uscita 1 se ce n'è uno.",
    ),
    (
        "Check every profile of the folder (the default without PROFILE).",
        "Controlla tutti i profili della cartella (come senza PROFILE).",
    ),
    (
        "A folder of a city's own profiles, beside the shipped ones.",
        "Una cartella di profili propri della città, accanto a quelli forniti.",
    ),
    (
        "A folder of a city's own profiles. Default: the shipped ones.",
        "Una cartella di profili propri della città. Se manca: quelli forniti.",
    ),
    (
        "Print one JSON object: profiles, captures, errors, warnings.",
        "Stampa un oggetto JSON: profiles, captures, errors, warnings.",
    ),
    (
        "{file}: firmware.app: there is no firmware/apps/{app}.py yet; until then no board can be flashed with it.",
        "{file}: firmware.app: firmware/apps/{app}.py non c'è ancora; finché non è scritto, con questo profilo non si può programmare "
        "nessuna scheda.",
    ),
    ("Give a profile or --all, not both.", "Indicare un profilo o --all, non entrambi."),
    (
        "Profiles read: {profiles}; captures: {captures}; mistakes: {mistakes}.",
        "Profili letti: {profiles}; catture: {captures}; errori: {mistakes}.",
    ),
    (
        "List the profiles: id, version and name. Exit code 1 if there is none.",
        "Elenca i profili: id, versione e nome. Codice d'uscita 1 se non ce n'è nessuno.",
    ),
    ("Only the profiles of this family, such as parking.", "Solo i profili di questa famiglia, per esempio parking."),
    ("Print one JSON list: id, version, family, name.", "Stampa una lista JSON: id, version, family, name."),
    (
        "No profile is of the family {family}. Known: {known}.",
        "Nessun profilo è della famiglia {family}. Quelle note: {known}.",
    ),
    (
        "Show a profile: what the device measures, what can be set, its alarms, power and commissioning.",
        "Mostra un profilo: che cosa misura il dispositivo, che cosa si può impostare, gli allarmi, l'alimentazione e "
        "il collaudo.",
    ),
    (
        "Print one JSON object, with the texts in both languages.",
        "Stampa un oggetto JSON, con i testi nelle due lingue.",
    ),
    (
        "Family {family}, application {app}, board {board}.",
        "Famiglia {family}, applicazione {app}, scheda {board}.",
    ),
    ("Measurements", "Misure"),
    ("Settings", "Impostazioni"),
    ("Alarms", "Allarmi"),
    ("Power", "Alimentazione"),
    ("Calibration", "Taratura"),
    ("Commissioning", "Collaudo"),
    ("none", "nessuno"),
    ("not stated", "non dichiarata"),
    ("Captures: {good} good, {bad} bad.", "Catture: {good} buone, {bad} errate."),
    ("steps of {step}{unit}", "passi di {step}{unit}"),
    ("{rate} samples a second", "{rate} campioni al secondo"),
    ("{low} to {high}{unit}", "da {low} a {high}{unit}"),
    ("{low}{unit} or more", "{low}{unit} o più"),
    ("{high}{unit} or less", "{high}{unit} o meno"),
    ("uncertainty {value}{unit} (k = 2)", "incertezza {value}{unit} (k = 2)"),
    ("lane {lane}", "corsia {lane}"),
    ("sealed within {seconds} s", "sigillata entro {seconds} s"),
    ("{name}: every reading", "{name}: ogni lettura"),
    ("critical", "critico"),
    ("warning", "avviso"),
    (" or ", " o "),
    (" and ", " e "),
    (", buffer of {mah} mAh", ", accumulo di {mah} mAh"),
    (
        "battery: {cell}, {mah} mAh at {volts} V, {usable} % usable, self-discharge {discharge} % a year, "
        "{sleep} uA asleep",
        "batteria: {cell}, {mah} mAh a {volts} V, {usable} % utilizzabile, autoscarica {discharge} % all'anno, "
        "{sleep} uA in riposo",
    ),
    ("valid for {months} months", "vale {months} mesi"),
    ("does not expire", "non scade"),
    ("{name} changes", "{name} cambia"),
    ("within {seconds} s", "entro {seconds} s"),
)

ITALIAN: Mapping[str, str] = dict(
    (
        *_PAIRS,
        *words_operator.PAIRS,
        *words_keys.PAIRS,
        *words_provision.PAIRS,
        *words_cable.PAIRS,
        *words_flash.PAIRS,
        *words_flash_faults.PAIRS,
    )
)
