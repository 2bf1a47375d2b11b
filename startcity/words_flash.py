# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of `startcity flash`: its help pages, what it shows while it works, and which options it refuses. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "Leave the radio out of the self-test, where there is none: an emulator.",
        "Lascia la radio fuori dall'autoprova, dove non c'è: un emulatore.",
    ),
    (
        "Make boards nodes of the city: MicroPython, the node's program, identity and key, all ports at "
        "once.\n\nEach board is identified, written, verified, reset and tested, and gets a label. What "
        "was done is in the journal: a board that was interrupted goes on where it was, and one that is "
        "done is left alone.\n\nExit codes: 0 done; 2 usage; 10 no port; 11 no permission, or busy; 12 no "
        "answer; 13 wrong chip or image; 14 not written; 15 not verified; 16 self-test; 17 bundle; 20 "
        "some of several boards failed.",
        "Fa di schede nodi della città: MicroPython, il programma del nodo, identità e chiave, su tutte "
        "le porte insieme.\n\nOgni scheda viene identificata, scritta, verificata, riavviata e provata, e "
        "riceve un'etichetta. Ciò che è stato fatto sta nel giornale: una scheda interrotta riprende da "
        "dov'era, una finita resta com'è.\n\nCodici d'uscita: 0 fatto; 2 uso; 10 nessuna porta; 11 "
        "permesso negato, o occupata; 12 nessuna risposta; 13 chip o immagine errati; 14 non scritta; 15 "
        "non verificata; 16 autoprova; 17 pacchetto; 20 alcune di più schede non riuscite.",
    ),
    (
        "A board's port; may be repeated. Default: every board that is found.",
        "La porta di una scheda; si può ripetere. Se manca: ogni scheda trovata.",
    ),
    (
        "A bundle of `flash bundle make`: nothing else is needed.",
        "Un pacchetto di `flash bundle make`: non serve altro.",
    ),
    (
        "Public key of who made it.",
        "Chiave pubblica di chi l'ha fatto.",
    ),
    (
        "A MicroPython image; may be repeated.",
        "Un'immagine di MicroPython; si può ripetere.",
    ),
    (
        "Folder with the node's program. Default: compiled from the sources.",
        "Cartella con il programma del nodo. Se manca: compilato dai sorgenti.",
    ),
    (
        "The gateway's broker as the node reaches it.",
        "Il broker del gateway come lo raggiunge il nodo.",
    ),
    (
        "The broker's port.",
        "La porta del broker.",
    ),
    (
        "The vault's vault.pub: the new keys are sealed for it.",
        "Il vault.pub del caveau: le nuove chiavi vengono sigillate per lui.",
    ),
    (
        "File to which the sealed keys are appended. Default: masters.cose in the folder of the journal.",
        "File a cui si aggiungono le chiavi sigillate. Se manca: masters.cose nella cartella del giornale.",
    ),
    (
        "Folder for the account of each board. Default: ~/.local/state/startcity/flash.",
        "Cartella per il resoconto di ogni scheda. Se manca: ~/.local/state/startcity/flash.",
    ),
    (
        "Folder for the labels, mode 0600. Default: labels in the folder of the journal.",
        "Cartella per le etichette, modo 0600. Se manca: labels nella cartella del giornale.",
    ),
    (
        "Show each label as a QR code; nobody else should see the screen.",
        "Mostra ogni etichetta come codice QR; nessun altro dovrebbe vedere lo schermo.",
    ),
    (
        "What this bench calls itself. Default: the machine's name.",
        "Come si chiama questo banco. Se manca: il nome della macchina.",
    ),
    (
        "Refuse boards with another chip.",
        "Rifiuta le schede con un altro chip.",
    ),
    (
        "Which image of a chip: with one program, or with two slots for updates over the air.",
        "Quale immagine di un chip: con un programma, o con due posti per gli aggiornamenti via radio.",
    ),
    (
        "Fastest speed to try.",
        "Velocità massima da provare.",
    ),
    (
        "How the boot loader is reached; no-reset where a person has pressed the buttons.",
        "Come si raggiunge il boot loader; no-reset dove una persona ha premuto i pulsanti.",
    ),
    (
        "Erase the whole flash first.",
        "Cancella prima tutta la flash.",
    ),
    (
        "Make a board that is done a new node, with a new key.",
        "Fa di una scheda finita un nodo nuovo, con una chiave nuova.",
    ),
    (
        "Leave the self-test out, where MicroPython cannot be reached on this port.",
        "Salta l'autoprova, dove MicroPython non si raggiunge da questa porta.",
    ),
    (
        "Fail where a sensor of the profile does not answer.",
        "Fallisce dove un sensore del profilo non risponde.",
    ),
    (
        "Boards at once.",
        "Schede insieme.",
    ),
    (
        "Identify the boards and show the plan; nothing is written.",
        "Identifica le schede e mostra il piano; non scrive nulla.",
    ),
    (
        "One JSON object a line, each with its version.",
        "Un oggetto JSON per riga, ciascuno con la sua versione.",
    ),
    (
        "Make, prove and show a bundle: MicroPython images, the node's program and the profiles in one signed file.",
        "Creare, provare e mostrare un pacchetto: immagini di MicroPython, programma del nodo e profili "
        "in un solo file firmato.",
    ),
    (
        "Make a bundle. The same parts and the same key give the same bytes.",
        "Crea un pacchetto. Le stesse parti e la stessa chiave danno gli stessi byte.",
    ),
    (
        "An image; once for each chip and layout. A URL needs its pin.",
        "Un'immagine; una per ogni chip e disposizione. Un URL vuole la sua impronta.",
    ),
    (
        "Ed25519 private key (PEM, mode 0600) that signs.",
        "Chiave privata Ed25519 (PEM, modo 0600) che firma.",
    ),
    (
        "A profile to take in; may be repeated. Default: all of them.",
        "Un profilo da includere; si può ripetere. Se manca: tutti.",
    ),
    (
        "What people call the bundle.",
        "Come si chiama il pacchetto.",
    ),
    (
        "Prove a bundle: its signature, and every part's size and SHA-256. Exit code 17 where something is wrong.",
        "Prova un pacchetto: la firma, e dimensione e SHA-256 di ogni parte. Codice d'uscita 17 dove qualcosa non va.",
    ),
    (
        "The maker's public key.",
        "La chiave pubblica di chi l'ha fatto.",
    ),
    (
        "Show what a bundle says it holds. Every part is compared with its SHA-256; who signed it is not proved.",
        "Mostra che cosa dice di contenere un pacchetto. Ogni parte è confrontata con il suo SHA-256; "
        "chi ha firmato non è provato.",
    ),
    (
        "Read a board's whole flash into a file of mode 0600. It holds the node's key.",
        "Legge tutta la flash di una scheda in un file di modo 0600. Contiene la chiave del nodo.",
    ),
    (
        "The board's port. Default: the one board that is found.",
        "La porta della scheda. Se manca: l'unica scheda trovata.",
    ),
    (
        "Write a backup back onto its board, and compare it.\n\nOnly onto the board that it was taken "
        "from, and best only if that board has not worked since: a node that is set back may use "
        "sequence numbers twice. When in doubt flash it anew.",
        "Riscrive una copia sulla sua scheda, e la confronta.\n\nSolo sulla scheda da cui viene, e meglio "
        "solo se da allora non ha lavorato: un nodo riportato indietro può usare due volte gli stessi "
        "numeri di sequenza. Nel dubbio, scriverla da capo.",
    ),
    (
        "The board that the backup is of: no other one is written.",
        "La scheda di cui è la copia: nessun'altra viene scritta.",
    ),
    (
        "Erase a board's whole flash, with its key and everything that it has not sent yet.",
        "Cancella tutta la flash di una scheda, con la chiave e tutto ciò che non ha ancora inviato.",
    ),
    (
        "The board to erase: no other one is.",
        "La scheda da cancellare: nessun'altra.",
    ),
    (
        "Show a board's console, and send what is typed. Ctrl-] ends it.",
        "Mostra la console di una scheda, e invia ciò che si scrive. Ctrl-] la chiude.",
    ),
    (
        "Speed of the console.",
        "Velocità della console.",
    ),
    (
        "Look what on this machine keeps boards from being flashed: rights, udev, other programs, clock, "
        "disk, versions.\n\nExit code 0: nothing does; 1: something does.",
        "Guarda che cosa, su questa macchina, impedisce di scrivere le schede: permessi, udev, altri "
        "programmi, orologio, disco, versioni.\n\nCodice d'uscita 0: nulla; 1: qualcosa.",
    ),
    (
        "Folder for the account of each board.",
        "Cartella per il resoconto di ogni scheda.",
    ),
    (
        "--need-sensor and --no-test exclude one another.",
        "--need-sensor e --no-test si escludono.",
    ),
    (
        "Give --bundle, or a MicroPython image with --micropython.",
        "Indicare --bundle, o un'immagine di MicroPython con --micropython.",
    ),
    (
        "Give --vault-key: without the vault's vault.pub the new keys would be lost.",
        "Indicare --vault-key: senza il vault.pub del caveau le nuove chiavi andrebbero perse.",
    ),
    (
        "At most {count} ports at once.",
        "Al massimo {count} porte insieme.",
    ),
    (
        "Two of the ports are the same device.",
        "Due delle porte sono lo stesso dispositivo.",
    ),
    (
        "--bundle has everything in it: leave --micropython, --application and --profiles out.",
        "--bundle contiene tutto: togliere --micropython, --application e --profiles.",
    ),
    (
        "Give --bundle-key: the public key of who made the bundle.",
        "Indicare --bundle-key: la chiave pubblica di chi ha fatto il pacchetto.",
    ),
    (
        "Give --profile; `startcity profile list` shows them. To try it without hardware, `startcity sim city` comes first.",
        "Indicare --profile; `startcity profile list` li mostra. Per provare senza hardware viene prima `startcity sim city`.",
    ),
    (
        "Give --wifi-ssid and --mqtt-host: the node needs both to reach its gateway.",
        "Indicare --wifi-ssid e --mqtt-host: il nodo ha bisogno di entrambi per raggiungere il suo gateway.",
    ),
    (
        "--bench takes 1 to 32 characters of a-z, 0-9 and -.",
        "--bench prende da 1 a 32 caratteri fra a-z, 0-9 e -.",
    ),
    (
        "{port}: a port is a path, rfc2217://HOST:PORT or socket://HOST:PORT.",
        "{port}: una porta è un percorso, rfc2217://HOST:PORTA o socket://HOST:PORTA.",
    ),
    (
        "{file}: {count} parts, signed by key {key}.",
        "{file}: {count} parti, firmate con la chiave {key}.",
    ),
    (
        "{file}: the signature and all {count} parts are right.",
        "{file}: la firma e tutte le {count} parti sono giuste.",
    ),
    (
        "{name}: firmware {version}, signed by key {key}",
        "{name}: firmware {version}, firmato con la chiave {key}",
    ),
    (
        "{file}: {size} bytes of board {mac}, SHA-256 {sha256}.",
        "{file}: {size} byte della scheda {mac}, SHA-256 {sha256}.",
    ),
    (
        "Board {mac} holds {file} again.",
        "La scheda {mac} contiene di nuovo {file}.",
    ),
    (
        "Board {mac} is blank.",
        "La scheda {mac} è vuota.",
    ),
    (
        "{port}; Ctrl-] ends.",
        "{port}; Ctrl-] chiude.",
    ),
    (
        "{what} Once more at {baud} baud.",
        "{what} Di nuovo a {baud} baud.",
    ),
    (
        "There are several boards: name one with --port ({ports}).",
        "Ci sono più schede: indicarne una con --port ({ports}).",
    ),
    (
        "node {node}, profile {profile}",
        "nodo {node}, profilo {profile}",
    ),
    (
        "{at}: key and identity (NVS), {size} bytes",
        "{at}: chiave e identità (NVS), {size} byte",
    ),
    (
        "{at}: file system of {size} bytes with {count} files",
        "{at}: file system di {size} byte con {count} file",
    ),
    (
        "MicroPython {micropython}, firmware {firmware}, {memory} bytes free",
        "MicroPython {micropython}, firmware {firmware}, {memory} byte liberi",
    ),
    (
        "Wi-Fi networks heard: {count}",
        "Reti Wi-Fi sentite: {count}",
    ),
    (
        "asking the board",
        "interrogo la scheda",
    ),
    (
        "erasing",
        "cancello",
    ),
    (
        "writing MicroPython",
        "scrivo MicroPython",
    ),
    (
        "writing keys and files",
        "scrivo chiavi e file",
    ),
    (
        "verifying",
        "verifico",
    ),
    (
        "testing",
        "provo",
    ),
    (
        "{model} {revision}, {flash:g} MB of flash, MAC {mac}",
        "{model} {revision}, {flash:g} MB di flash, MAC {mac}",
    ),
    (
        "goes on after: {step}",
        "riprende dopo: {step}",
    ),
    (
        "Was flashed before, with the profile {profile} and not {wanted}; left as it is. With --again it becomes a new node of "
        "the profile {wanted}.",
        "Già scritta, con il profilo {profile} e non {wanted}; resta com'è. Con --again diventa un nodo nuovo del profilo {wanted}.",
    ),
    (
        "Was flashed before, with the profile {profile}; left as it is. With --again it becomes a new node.",
        "Già scritta, con il profilo {profile}; resta com'è. Con --again diventa un nodo nuovo.",
    ),
    (
        "label: {file} (secret until the node has a new key generation)",
        "etichetta: {file} (segreta finché il nodo non ha una nuova generazione di chiavi)",
    ),
    (
        "Done: node {node}, profile {profile}.",
        "Fatto: nodo {node}, profilo {profile}.",
    ),
    (
        "erase the whole flash",
        "cancella tutta la flash",
    ),
    (
        "{at}: MicroPython, {size} bytes; the image does not say its version",
        "{at}: MicroPython, {size} byte; l'immagine non dice la sua versione",
    ),
    (
        "{at}: MicroPython {version}, {size} bytes",
        "{at}: MicroPython {version}, {size} byte",
    ),
    (
        "program slots for updates: {count}",
        "posti per aggiornamenti: {count}",
    ),
    (
        "sensors: {names}",
        "sensori: {names}",
    ),
    (
        "no answer from: {names}",
        "nessuna risposta da: {names}",
    ),
    (
        "port",
        "porta",
    ),
    (
        "node",
        "nodo",
    ),
    (
        "chip",
        "chip",
    ),
    (
        "step",
        "passo",
    ),
    (
        "Boards done: {done}, done before: {already}, failed: {failed}.",
        "Schede fatte: {done}, già fatte: {already}, non riuscite: {failed}.",
    ),
    (
        "done",
        "fatto",
    ),
    (
        "done before",
        "già fatta",
    ),
    (
        "FAILED",
        "NON RIUSCITA",
    ),
    (
        "Print the short names of the program (file, short, full), for a crash report.",
        "Stampa i nomi abbreviati del programma (file, breve, intero), per un rapporto d'errore.",
    ),
    (
        "Press RESET on the board now, and let BOOT go: this port has no control lines.",
        "Premere ora RESET sulla scheda, senza tenere BOOT: questa porta non ha linee di controllo.",
    ),
    (
        "The firmware's sources are not part of this installation: give a bundle, or --application.",
        "I sorgenti del firmware non fanno parte di questa installazione: indicare un pacchetto, o --application.",
    ),
    (
        "The firmware could not be compiled: {said}",
        "Il firmware non si è potuto compilare: {said}",
    ),
    (
        "{folder} is not the node's program: it needs boot.py and main.py, and at most {count} files.",
        "{folder} non è il programma del nodo: servono boot.py e main.py, e al massimo {count} file.",
    ),
    (
        "The board is {found}, not {wanted}.",
        "La scheda è {found}, non {wanted}.",
    ),
    (
        "{file} has {size} bytes, the board's flash {flash}: it is no backup of this board.",
        "{file} ha {size} byte, la flash della scheda {flash}: non è una copia di questa scheda.",
    ),
    (
        "{url}: a URL needs its pin, https://...#sha256=HEX (64 digits).",
        "{url}: un URL vuole la sua impronta, https://...#sha256=HEX (64 cifre).",
    ),
    (
        "Make boards nodes of the city, at the bench.",
        "Fa di schede nodi della città, al banco.",
    ),
)
