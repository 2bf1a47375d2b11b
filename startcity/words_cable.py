# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of `startcity provision --port`, and of options from a file. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "--wifi-* and --mqtt-* change a node on a cable: give --port.",
        "--wifi-* e --mqtt-* cambiano un nodo collegato al cavo: dare --port.",
    ),
    ("Ask the board who it is", "Chiedere alla scheda chi è"),
    ("Asking the board on {port}.", "Interrogo la scheda su {port}."),
    ("Give --mqtt-user: whose password is it?", "Dare --mqtt-user: di chi è la password?"),
    ("Give --wifi-ssid: whose password is it?", "Dare --wifi-ssid: di chi è la password?"),
    ("Correct its network and settings", "Correggere rete e impostazioni"),
    ("It has all that already.", "Ha già tutto."),
    (
        "It is node {node}, profile {profile}, firmware {firmware}; Wi-Fi {networks}, gateway {host}:{port}.",
        "È il nodo {node}, profilo {profile}, firmware {firmware}; Wi-Fi {networks}, gateway {host}:{port}.",
    ),
    (
        "Its console said nothing: whether it runs, Wi-Fi will tell.",
        "La sua console non ha detto nulla: se funziona lo dirà il Wi-Fi.",
    ),
    (
        "Put a node into service: from its label to a first reading that the city has verified."
        "\n\nWith --port the node is on a cable: it is asked who it is, must be the one of the label or the file, gets the "
        "Wi-Fi network and the gateway's address that are given, is started, and its start is followed. Passwords are "
        "never on the command line."
        "\n\nAt the gateway: registers the node, finds it (its light blinks), sets it up, moves it to the "
        "gateway's key generation, runs the profile's checks, and ends with 0 only when the collector has "
        "receipted a measured value. The label is a secret: it is scanned at the prompt, or read from a file, "
        "never from the command line. A step that is done is found done: after a stop call it again with "
        "--resume. A node that is in service already is left as it is."
        "\n\nExit codes: 0 done; 2 a person has to change something, or an answer is missing; 3 the gateway does "
        "not run, the disk refuses, or another provision works on the node; "
        "10 the label cannot be read; 11 the node was not found; 12 it did not "
        "take the settings; 13 it did not move; 14 a check failed; 15 no receipt came; 16 the port; 17 the board does not "
        "answer; 18 another board, or no node; 19 not written; 20, 21, 22 as `startcity node import`; 23 the node does "
        "not start, or only in safe mode; 24 it does not reach its gateway; 130 interrupted.",
        "Mette in servizio un nodo: dall'etichetta alla prima lettura che la città ha verificato."
        "\n\nCon --port il nodo è collegato al cavo: gli si chiede chi è, deve essere quello dell'etichetta o del file, "
        "riceve la rete Wi-Fi e l'indirizzo del gateway che sono dati, viene avviato e il suo avvio è seguito. Le password "
        "non stanno mai sulla riga di comando."
        "\n\nPresso il gateway: registra il nodo, lo trova (la sua luce lampeggia), lo imposta, lo passa alla "
        "generazione di chiavi del gateway, esegue le verifiche del profilo e finisce con 0 solo quando il "
        "collettore ha dato ricevuta di un valore misurato. L'etichetta è un segreto: si legge al prompt con "
        "il lettore, o da un file, mai dalla riga di comando. Un passo già fatto risulta fatto: dopo "
        "un'interruzione ripetere con --resume. Un nodo già in servizio è lasciato com'è."
        "\n\nCodici d'uscita: 0 fatto; 2 una persona deve cambiare qualcosa, o manca una risposta; 3 il gateway "
        "non è in funzione, il disco rifiuta o un altro provision lavora sul nodo; "
        "10 l'etichetta non si legge; 11 il nodo non è stato trovato; "
        "12 non ha accettato le impostazioni; 13 non è passato; 14 una verifica non è riuscita; 15 non è "
        "arrivata la ricevuta; 16 la porta; 17 la scheda non risponde; 18 un'altra scheda, o non è un nodo; 19 non "
        "scritto; 20, 21, 22 come `startcity node import`; 23 il nodo non si avvia, o solo in modalità sicura; "
        "24 non raggiunge il gateway; 130 interrotto.",
    ),
    (
        "Node {node} speaks under key generation {generation}, and nobody has given its root: give its label (generation 0), "
        "or a file of the vault with that generation: `startcity vault commission {node} --generation {generation} ...`.",
        "Il nodo {node} parla con la generazione di chiavi {generation}, e nessuno ne ha dato la chiave derivata: dare la sua "
        "etichetta (generazione 0), o un file del caveau con quella generazione: `startcity vault commission {node} --generation "
        "{generation} ...`.",
    ),
    ("From {file}, where not given here: {names}.", "Da {file}, se non date qui: {names}."),
    (
        "The simulated city of {file} does not run: start it with `startcity sim city --dir {folder}`.",
        "La città simulata di {file} non è in funzione: avviarla con `startcity sim city --dir {folder}`.",
    ),
    (
        "{file} does not exist: a label is written when the board is flashed, by `startcity flash`. If it was and is lost, leave "
        "--label-file out and give a file of the vault with --file: `startcity vault commission NODE --generation 0 ...` makes it.",
        "{file} non esiste: l'etichetta si scrive quando si programma la scheda, con `startcity flash`. Se è andata perduta, togliere "
        "--label-file e dare un file del caveau con --file: lo crea `startcity vault commission NODE --generation 0 ...`.",
    ),
    (
        "TOML file with options, in a section of the command's name. Default: startcity.toml in this folder, if there is one.",
        "File TOML con le opzioni, in una sezione con il nome del comando. Se manca: startcity.toml di questa cartella, se c'è.",
    ),
    (
        "{file}: [{section}] has no option {name}. Known: {known}.",
        "{file}: [{section}] non ha l'opzione {name}. Quelle note: {known}.",
    ),
    ("Start it", "Avviarlo"),
    (
        "Nothing is left to be done; --again takes every step once more.",
        "Non resta nulla da fare; --again ripete ogni passo.",
    ),
    (
        "Take every step once more, although the node is in service.",
        "Ripete ogni passo, anche se il nodo è in servizio.",
    ),
    (
        "The gateway does not run any more: waiting for it, until {until} at the latest.",
        "Il gateway non è più in funzione: lo attendo, al più tardi fino a {until}.",
    ),
    (
        "Waiting for a reading that passes, until {until} at the latest.",
        "Attendo una lettura che soddisfi la verifica, al più tardi fino a {until}.",
    ),
    (
        "Waiting for node {node}, until {until} at the latest: it obeys when it has something new to say, every "
        "{minutes} minutes at least. Switched off and on it does so at once.",
        "Attendo il nodo {node}, al più tardi fino a {until}: obbedisce quando ha qualcosa di nuovo da dire, almeno ogni "
        "{minutes} minuti. Spento e riacceso lo fa subito.",
    ),
    (
        "Waiting for node {node}, until {until} at the latest: it sleeps, and speaks every {minutes} minutes at least. "
        "Its reset button makes it speak at once.",
        "Attendo il nodo {node}, al più tardi fino a {until}: dorme, e parla almeno ogni {minutes} minuti. "
        "Il suo pulsante di reset lo fa parlare subito.",
    ),
    (
        "Waiting for the collector's receipt, until {until} at the latest: does it run?",
        "Attendo la ricevuta del collettore, al più tardi fino a {until}: è in funzione?",
    ),
    (
        "Waiting for the end of the label, until {until} at the latest.",
        "Attendo la fine dell'etichetta, al più tardi fino a {until}.",
    ),
    (
        "Waiting until the gateway has sealed what the node said, until {until} at the latest.",
        "Attendo che il gateway abbia sigillato ciò che il nodo ha detto, al più tardi fino a {until}.",
    ),
    (
        "{name}: another `startcity provision` works on this node or port: wait until it has ended.",
        "{name}: un altro `startcity provision` lavora su questo nodo o su questa porta: attendere che finisca.",
    ),
    (
        "{name}: stopped. What is done stays done: go on with `startcity provision --resume`.",
        "{name}: fermato. Ciò che è fatto resta fatto: riprendere con `startcity provision --resume`.",
    ),
    (
        "The node is on this serial port: a path, rfc2217://HOST:PORT or socket://HOST:PORT. Its id is read from it.",
        "Il nodo è su questa porta seriale: un percorso, rfc2217://HOST:PORTA o socket://HOST:PORTA. Il suo id si legge da lì.",
    ),
    ("With --port: that broker's port.", "Con --port: la porta di quel broker."),
    ("With --port: that broker's user for nodes.", "Con --port: l'utente dei nodi presso quel broker."),
    (
        "With --port: the gateway's broker as the node reaches it.",
        "Con --port: il broker del gateway come lo raggiunge il nodo.",
    ),
    (
        "With --port: the only Wi-Fi network that the node shall join.",
        "Con --port: l'unica rete Wi-Fi in cui il nodo deve entrare.",
    ),
    ("Written.", "Scritto."),
    ("{name}: node {found} is on the cable, not {node}.", "{name}: al cavo c'è il nodo {found}, non {node}."),
    ("{name}: node {node} does not start: {reason}.", "{name}: il nodo {node} non si avvia: {reason}."),
    (
        "{name}: node {node} was erased since it moved to key generation {heard}: the gateway hears nothing of it under {generation}. "
        "Prepare it with `startcity node add {node} --generation {heard}`.",
        "{name}: il nodo {node} è stato cancellato dopo il passaggio alla generazione di chiavi {heard}: il gateway non ne ascolta "
        "nulla con la {generation}. Prepararlo con `startcity node add {node} --generation {heard}`.",
    ),
    (
        "{name}: node {node} has another key than the label or the file: it was flashed anew since. Take its new label.",
        "{name}: il nodo {node} ha un'altra chiave da quella dell'etichetta o del file: è stato riprogrammato nel frattempo. "
        "Prendere la nuova etichetta.",
    ),
    (
        "{name}: node {node} is in safe mode: it runs without its application, because its last starts have failed. Its readings "
        "`crash` and `fault` say why. Repair it, try it with `startcity node command {node} reboot`, and call this again.",
        "{name}: il nodo {node} è in modalità sicura: funziona senza la sua applicazione, perché gli ultimi avvii non sono riusciti. "
        "Le letture `crash` e `fault` dicono perché. Ripararlo, provarlo con `startcity node command {node} reboot`, e ripetere.",
    ),
    (
        "{name}: node {node} has not reached its gateway's broker: {reason}. Correct it with --wifi-ssid or --mqtt-host.",
        "{name}: il nodo {node} non ha raggiunto il broker del gateway: {reason}. Correggere con --wifi-ssid o --mqtt-host.",
    ),
    (
        "{name}: the board has not taken the configuration and keeps its old one ({reason}).",
        "{name}: la scheda non ha accettato la configurazione e conserva la vecchia ({reason}).",
    ),
    (
        "{name}: the board on {port} is no node yet ({reason}): make it one with `startcity flash`.",
        "{name}: la scheda su {port} non è ancora un nodo ({reason}): renderla tale con `startcity flash`.",
    ),
    (
        "{name}: the board's profile is {profile}, not the one of the label or the file: it was flashed anew since. Take its new "
        "label, or a new file of the vault.",
        "{name}: il profilo della scheda è {profile}, non quello dell'etichetta o del file: è stata riprogrammata nel frattempo. "
        "Prendere la nuova etichetta, o un nuovo file del caveau.",
    ),
)
